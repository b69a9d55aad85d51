"""Published model files: which there are, where they live, how to get and to check them."""
