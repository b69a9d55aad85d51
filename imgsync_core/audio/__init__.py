"""Signal work on speech: resampling, log-mel features, loudness, pitch, activity."""
