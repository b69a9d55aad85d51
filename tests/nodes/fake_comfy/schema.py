"""Stand-in for `comfy_api.latest.io`: every input, output and schema records what it was given.

The keywords are those of ComfyUI 0.15.0, our minimum, in the real order; any other is a TypeError,
as it is at load time in the real one. `test_fake_comfy.py` compares them with a checkout.
"""

import ast
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from inspect import Parameter, Signature
from typing import Any


class FolderType(str, Enum):
    input = "input"
    output = "output"
    temp = "temp"


class UploadType(str, Enum):
    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class NumberDisplay(str, Enum):
    number = "number"
    slider = "slider"
    gradient_slider = "gradientslider"


class ControlAfterGenerate(str, Enum):
    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


class Hidden(str, Enum):
    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"
    api_key_comfy_org = "API_KEY_COMFY_ORG"


def _signature(takes: str) -> Signature:
    """`id! optional=False tooltip` is (id, optional=False, tooltip=None)."""
    parameters = []
    for word in takes.split():
        name, _, default = word.rstrip("!").partition("=")
        value = ast.literal_eval(default) if default else None
        given = Parameter.empty if word.endswith("!") else value
        parameters.append(Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=given))
    return Signature(parameters)


class Recorded:
    """Keeps each argument under its name. `takes` lists them, in the real order."""

    takes = ""

    def __init_subclass__(cls):
        cls.__signature__ = _signature(cls.takes)

    def __init__(self, *args, **kwargs):
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__qualname__}: {error}") from None
        bound.apply_defaults()
        vars(self).update(bound.arguments)
        self.settle()

    def settle(self) -> None:
        """What the real constructor does beyond keeping its arguments."""


class Port(Recorded):
    io_type: str

    def get_io_type(self) -> str:
        return self.io_type


# what most inputs take: at the front, at the end, and at the end of those with a widget
SHOWN = "display_name optional=False tooltip lazy"
MORE = "extra_dict raw_link advanced"
WIDGET = f"socketless force_input {MORE}"


class Input(Port):
    takes = f"id! {SHOWN} {MORE}"

    def settle(self):
        self.extra_dict = getattr(self, "extra_dict", None) or {}

    def get_all(self) -> list["Input"]:
        return [self]


class WidgetInput(Input):
    takes = f"id! {SHOWN} default socketless widget_type force_input {MORE}"


class Output(Port):
    takes = "id display_name tooltip is_output_list=False"

    def settle(self):
        self.display_name = self.display_name or self.id


class ComfyTypeIO:
    """A type of socket. Its `Input` and `Output` know the type's name."""

    io_type: str
    Input = Input
    Output = Output

    def __init_subclass__(cls, io_type: str):
        cls.io_type = io_type
        for name in ("Input", "Output"):
            if (port := getattr(cls, name)) is not None:
                named = {"io_type": io_type, "__qualname__": f"{cls.__name__}.{name}"}
                setattr(cls, name, type(name, (port,), named))


def Custom(io_type: str) -> type[ComfyTypeIO]:
    return type(io_type.title(), (ComfyTypeIO,), {}, io_type=io_type)


Image = Custom("IMAGE")
Mask = Custom("MASK")
Audio = Custom("AUDIO")
Video = Custom("VIDEO")
AnyType = Custom("*")


class Boolean(ComfyTypeIO, io_type="BOOLEAN"):
    class Input(WidgetInput):
        takes = f"id! {SHOWN} default label_on label_off {WIDGET}"


class Int(ComfyTypeIO, io_type="INT"):
    class Input(WidgetInput):
        takes = f"id! {SHOWN} default min max step control_after_generate display_mode {WIDGET}"


class Float(ComfyTypeIO, io_type="FLOAT"):
    class Input(WidgetInput):
        takes = f"id! {SHOWN} default min max step round display_mode gradient_stops {WIDGET}"


class String(ComfyTypeIO, io_type="STRING"):
    class Input(WidgetInput):
        takes = f"id! {SHOWN} multiline=False placeholder default dynamic_prompts {WIDGET}"


class Combo(ComfyTypeIO, io_type="COMBO"):
    class Input(WidgetInput):
        takes = (
            f"id! options {SHOWN} default control_after_generate upload image_folder remote "
            f"socketless {MORE}"
        )

        def settle(self):
            super().settle()
            if isinstance(self.options, type) and issubclass(self.options, Enum):
                self.options = [member.value for member in self.options]
            if isinstance(self.default, Enum):
                self.default = self.default.value

    class Output(Output):
        takes = "id display_name options tooltip is_output_list=False"


class Color(ComfyTypeIO, io_type="COLOR"):
    class Input(WidgetInput):
        takes = "id! display_name optional=False tooltip socketless=True advanced default='#ffffff'"


class MultiType(ComfyTypeIO, io_type="COMFY_MULTITYPED_V3"):
    class Input(Input):
        takes = f"id! types! {SHOWN} {MORE}"

        def settle(self):
            super().settle()
            widget = self.input_override = None if isinstance(self.id, str) else self.id
            if widget:  # what it says goes first
                self.id, self.optional = widget.id, widget.optional or self.optional
                self.display_name = widget.display_name or self.display_name
                self.tooltip = widget.tooltip or self.tooltip

        def get_io_type(self) -> str:
            own = [self.input_override.get_io_type()] if self.input_override else []
            return ",".join(dict.fromkeys(own + [kind.io_type for kind in self.types]))


class MatchType(ComfyTypeIO, io_type="COMFY_MATCHTYPE_V3"):
    class Template(Recorded):
        takes = "template_id! allowed_types"

        def settle(self):
            allowed = self.allowed_types or AnyType
            self.allowed_types = [allowed] if isinstance(allowed, type) else allowed

    class Input(Input):
        takes = f"id! template! {SHOWN} {MORE}"

    class Output(Output):
        takes = "template! id display_name tooltip is_output_list=False"

        def settle(self):
            self.display_name = self.display_name or self.id or "MATCHTYPE"


class DynamicCombo(ComfyTypeIO, io_type="COMFY_DYNAMICCOMBO_V3"):
    Output = None

    class Option(Recorded):
        takes = "key! inputs!"

    class Input(Input):
        takes = f"id! options! {SHOWN} extra_dict"

        def get_all(self):
            return [self] + [inner for option in self.options for inner in option.inputs]


class Autogrow(ComfyTypeIO, io_type="COMFY_AUTOGROW_V3"):
    Output = None

    class TemplatePrefix(Recorded):
        takes = "input! prefix! min=1 max=10"

    class Input(Input):
        takes = f"id! template! {SHOWN} extra_dict"


class NodeReplace(Recorded):
    takes = "new_node_id! old_node_id! old_widget_ids input_mapping output_mapping"

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__signature__.parameters}


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    search_aliases: list[str] = field(default_factory=list)
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_dev_only: bool = False
    is_api_node: bool = False
    price_badge: Any = None
    not_idempotent: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    essentials_category: str | None = None

    def finalize(self) -> None:
        """An output node is given the graph unasked; an output without an id gets one."""
        wanted = [Hidden.prompt, Hidden.extra_pnginfo] if self.is_output_node else []
        self.hidden = list(dict.fromkeys([*self.hidden, *wanted]))
        for index, output in enumerate(self.outputs):
            output.id = output.id or f"_{index}_{output.io_type}_"

    def validate(self) -> None:
        for kind, ports in (("Input", self.inputs), ("Output", self.outputs)):
            ids = [port.id for port in ports]
            if twice := sorted({id for id in ids if ids.count(id) > 1}):
                raise ValueError(f"{self.node_id}: {kind} ids must be unique, {twice} are not.")


class HiddenHolder:
    """What a node reads from `cls.hidden`; a value it did not ask for is None."""

    def __init__(self, **values):
        vars(self).update(values)

    def __getattr__(self, name):
        return None


class UIOutput(ABC):
    @abstractmethod
    def as_dict(self) -> dict: ...


class NodeOutput:
    def __init__(self, *args, ui=None, expand=None, block_execution=None):
        self.args, self.ui, self.expand = args, ui, expand
        self.block_execution = block_execution

    @property
    def result(self):
        return self.args or None

    def __getitem__(self, index):
        return self.args[index]

    @classmethod
    def of(cls, value):
        if value is None or isinstance(value, tuple):
            return cls(*(value or ()))
        if not isinstance(value, cls):
            raise TypeError(f"execute returned {type(value).__name__}, not a NodeOutput.")
        return value


class Locked(type):
    """The class a call sees: ComfyUI locks it, so state cannot be kept on `cls`."""

    def __setattr__(cls, name, value):
        raise AttributeError(f"{cls.__name__}.{name}: a node keeps no state on its class.")


class ComfyNode:
    hidden: HiddenHolder | None = None

    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError

    @classmethod
    def execute(cls, **kwargs) -> NodeOutput:
        raise NotImplementedError

    @classmethod
    def validate_inputs(cls, **kwargs) -> bool | str:
        raise NotImplementedError

    @classmethod
    def fingerprint_inputs(cls, **kwargs):
        raise NotImplementedError

    @classmethod
    def check_lazy_status(cls, **kwargs) -> list[str]:
        return [name for name, value in kwargs.items() if value is None]

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        schema = cls.define_schema()
        schema.finalize()
        schema.validate()
        return schema

    @classmethod
    def PREPARE_CLASS_CLONE(cls, v3_data):
        hidden = {key.name: value for key, value in v3_data["hidden_inputs"].items()}
        return Locked(f"{cls.__name__}Clone", (cls,), {"hidden": HiddenHolder(**hidden)})

    @classmethod
    def EXECUTE_NORMALIZED(cls, *args, **kwargs) -> NodeOutput:
        return NodeOutput.of(cls.execute(*args, **kwargs))

    @classmethod
    async def EXECUTE_NORMALIZED_ASYNC(cls, *args, **kwargs) -> NodeOutput:
        return NodeOutput.of(await cls.execute(*args, **kwargs))
