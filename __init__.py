"""ImgSync as a ComfyUI node pack. Importing it loads nothing; the entry point brings the nodes."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    from .nodes import ImgSyncExtension

    return ImgSyncExtension()
