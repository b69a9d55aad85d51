"""LatentSync 1.5 and 1.6: new lips for a face in a video, by latent diffusion."""
