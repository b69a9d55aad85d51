"""Who is in the picture, and where: the geometry of a face and three ways to get at it."""
