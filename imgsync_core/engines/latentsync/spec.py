"""What is published of LatentSync 1.5 and 1.6: shapes, schedule, names.

Both versions have the same network; their weights are made for crops of 256 and 512 pixels.
"""

from __future__ import annotations

from ...diffusion.schedule import Schedule

HEADS = 8  # of the attentions on pixels and on audio, at all levels
TEMPORAL_HEADS = 8  # of the attentions along time
GROUPS = 32  # of all group norms
NORM_EPS = 1e-5  # of the norms of resnets and of the output
WINDOW = 16  # frames denoised together
AUDIO = "audio"  # name of the tokens that the cross attentions read
LATENTS = 4  # channels of a picture's latents
CHANNELS = 3 * LATENTS + 1  # noise, mask (1 = keep), masked picture, reference picture
STEPS = 20
GUIDANCE = 1.5
SCHEDULE = Schedule(
    betas="scaled_linear",
    spacing="leading",
    prediction="epsilon",
    offset=1,
    ends_clean=False,
)
EXPECTED = "LatentSync's latentsync_unet.pt (repository ByteDance/LatentSync-1.5 or -1.6)"
