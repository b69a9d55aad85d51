"""Stand-in for `comfy.model_management` and `comfy.cli_args.args`: a machine with only a CPU."""

import weakref
from types import SimpleNamespace

import torch

args = SimpleNamespace()


def reset() -> None:
    """Not ComfyUI's: the command line without options, nothing interrupted."""
    vars(args).update(cpu=True, disable_metadata=False, fp16_intermediates=False, gpu_only=False)
    interrupt_current_processing(False)


class InterruptProcessingException(BaseException):
    """BaseException since some version after 0.15, where it still was an Exception."""


interrupt_processing = False


def interrupt_current_processing(value=True) -> None:
    global interrupt_processing
    interrupt_processing = value


def processing_interrupted() -> bool:
    return interrupt_processing


def throw_exception_if_processing_interrupted() -> None:
    if interrupt_processing:
        interrupt_current_processing(False)  # raising clears the flag
        raise InterruptProcessingException


def get_torch_device() -> torch.device:
    return torch.device("cpu")


def intermediate_device() -> torch.device:
    return torch.device("cpu")


def intermediate_dtype() -> torch.dtype:
    return torch.float16 if args.fp16_intermediates else torch.float32


def unet_offload_device() -> torch.device:
    return torch.device("cpu")


def should_use_fp16(device=None, model_params=0, prioritize_performance=True, manual_cast=False):
    return False


def should_use_bf16(device=None, model_params=0, prioritize_performance=True, manual_cast=False):
    return False


def get_free_memory(dev=None, torch_free_too=False) -> int:
    return 8 << 30


def soft_empty_cache(force=False) -> None:
    pass


class ModelPatcher:
    """Of `comfy.model_patcher`: a network, and where it works and waits."""

    def __init__(self, model, load_device, offload_device, size=0, weight_inplace_update=False):
        self.model, self.load_device, self.offload_device = model, load_device, offload_device

    def detach(self, unpatch_all=True):
        self.model.to(self.offload_device)
        return self.model


def load_models_gpu(
    models,
    memory_required=0,
    force_patch_weights=False,
    minimum_memory_required=None,
    force_full_load=False,
) -> None:
    for patcher in models:
        for one in [one for one in current_loaded_models if one.model is patcher]:
            current_loaded_models.remove(one)  # it detaches what it loads anew
            patcher.detach(unpatch_all=False)
        patcher.model.to(patcher.load_device)
        current_loaded_models.append(LoadedModel(patcher))


class LoadedModel:
    """It holds no patcher strongly."""

    def __init__(self, patcher: ModelPatcher) -> None:
        self._model, self.device = weakref.ref(patcher), patcher.load_device

    @property
    def model(self) -> ModelPatcher | None:
        return self._model()

    def model_loaded_memory(self) -> int:
        return 0


current_loaded_models: list[LoadedModel] = []


def unload_all_models() -> None:
    for one in list(current_loaded_models):
        patcher = one.model
        if patcher is not None:  # its owner let it go: dead ones are passed over
            patcher.detach()
            del patcher
            assert one.model.model is not None, "it looks at a patcher after detaching it"
        current_loaded_models.remove(one)
