"""ImgSync as a ComfyUI node pack. Importing it loads nothing: the nodes come in at the entry point."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    from .nodes import ImgSyncExtension

    return ImgSyncExtension()
