"""LatentSync: lips from a voice, by diffusion on windows of a video."""
