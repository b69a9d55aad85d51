"""The built-in animator: voice to face curves, curves to warped pixels."""
