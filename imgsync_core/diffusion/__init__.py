"""Denoising: schedules, DDIM steps, guidance and plans of windows."""
