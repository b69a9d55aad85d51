"""Pictures, frames and sound from files and into files: the only home of ``av`` and Pillow."""
