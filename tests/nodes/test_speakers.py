"""Several faces that speak in AudioDrivenAnimate: inputs that grow, numbers, channels."""

import numpy as np
import pytest
import torch

RATE = 16000
MOUTH = {"engine": "built-in", "mouth": 1.0, "head": 0.0, "blink": 0.0, "expression": 0.0}


@pytest.fixture(scope="module")
def two(pack):
    """Two faces side by side, as IMAGE."""
    picture = np.concatenate([pack.core("demo").demo_picture(192)] * 2, 1)
    return torch.from_numpy(picture.astype(np.float32) / 255)[None]


@pytest.fixture(scope="module")
def talk(pack):
    """1.4 s: one, a pause, the other; float32 (2, n)."""
    voice = pack.core("demo").demo_speech(0.6, RATE)[0]
    rest, none = np.zeros(RATE // 5, np.float32), 0 * voice
    both = [np.concatenate([voice, rest, none]), np.concatenate([none, rest, voice])]
    return torch.from_numpy(np.stack(both).astype(np.float32))


def audio(wave):
    return {"waveform": wave[None], "sample_rate": RATE}


@pytest.fixture
def animate(pack, run):
    def call(source, sound, **more):
        node = pack.nodes["ImgSyncAudioDrivenAnimate"]
        words = {"engine": MOUTH, "fps": 25.0, "seed": 0, **more}
        return run(node, source=source, audio=sound, **words)

    return call


def turns(out) -> list[str]:
    """Who moves while the first speaks, and who while the second does."""
    frames = out.args[0].get_components().images
    found = []
    for span in (frames[2:14], frames[23:34]):
        change = (span.amax(0) - span.amin(0)).amax(-1) > 0.16
        left, right = (int(half.sum()) for half in change.chunk(2, 1))
        found.append("left" if left > 4 * right + 100 else "right" if right > 4 * left else "?")
    return found


def test_the_channels_of_a_sound(animate, two, talk):
    """Two faces in words, one stereo sound: each hears only its own channel."""
    out = animate(two, audio(talk), which_face="96,96; 288,96")
    assert turns(out) == ["left", "right"]
    assert out.args[0].get_components().audio["waveform"].shape[1] == 2
    assert turns(animate(two, audio(talk), which_face="288,96; 96,96")) == ["right", "left"]
    single = animate(two, audio(talk[:1])).args[2].shape
    assert out.args[2].shape[1] == 2 * single[1]  # a chart for each


def test_voices_that_are_linked(animate, two, talk):
    """From the left where no face is named; the sound is what is heard."""
    voices = {"voice0": audio(talk[:1]), "voice1": audio(talk[1:])}
    heard = audio(talk.sum(0, keepdim=True))
    out = animate(two, heard, voices=voices)
    assert turns(out) == ["left", "right"]
    sound = out.args[0].get_components().audio["waveform"][0, :, : talk.shape[1]]
    assert torch.equal(sound, heard["waveform"][0])
    swapped = dict(reversed(voices.items()))  # the order is that of the names
    assert turns(animate(two, heard, voices=swapped)) == ["left", "right"]


def test_faces_that_are_linked(pack, run, animate, two, talk, comfy):
    from PIL import Image

    Image.fromarray((two[0].numpy() * 255).round().astype(np.uint8)).save(comfy.input / "two.png")
    load = pack.nodes["ImgSyncLoadPortrait"]
    faces = []
    for x in (288, 96):
        points = f'{{"version": 1, "size": [384, 192], "face": [{x}, 96]}}'
        words = {"fit": "keep", "width": 0, "height": 0, "multiple_of": 2, "background": "black"}
        faces.append(run(load, image="two.png", face_points=points, **words).args[4])
    out = animate(two, audio(talk), face=faces[0], faces={"face0": faces[1]})
    assert turns(out) == ["right", "left"]
    out = animate(two, audio(talk), faces={"face0": faces[1], "face1": faces[0]})
    assert turns(out) == ["left", "right"]


def test_one_voice_drives_and_another_sound_is_heard(animate, two, talk):
    noise = audio(0.2 * torch.randn(1, talk.shape[1], generator=torch.Generator().manual_seed(0)))
    out = animate(two, noise, which_face="96,96", voices={"voice0": audio(talk[:1])})
    assert turns(out)[0] == "left"
    sound = out.args[0].get_components().audio["waveform"][0, :, : talk.shape[1]]
    assert torch.equal(sound, noise["waveform"][0])


def test_a_graph_from_before_is_what_it_was(animate, two, talk):
    """Nothing linked, or sockets that are there and empty."""
    plain = animate(two, audio(talk[:1])).args[0].get_components().images
    for more in ({"faces": {}, "voices": {}}, {"faces": None, "voices": {"voice0": None}}):
        again = animate(two, audio(talk[:1]), **more).args[0].get_components().images
        assert torch.equal(plain, again)


@pytest.mark.parametrize(
    ("words", "voices", "said"),
    [
        ("0; 1", 1, "2 faces speak, and sound has 1 channel"),
        ("0; 1; 0", 3, "3 voices are linked|same face"),
        ("0", 2, "2 voices are linked, and 1 of their faces said"),
        ("0; left", 2, "neither a number"),
        ("0; 7", 2, "no face number 7"),
    ],
)
def test_what_cannot_be_is_said(animate, two, talk, words, voices, said):
    linked = {f"voice{i}": audio(talk[:1]) for i in range(voices if voices > 1 else 0)}
    with pytest.raises(Exception, match=said):
        animate(two, audio(talk[:1]), which_face=words, voices=linked)


def test_the_inputs_that_grow_are_last_and_have_no_widget(pack):
    """Values of widgets are kept by place: what was saved before stays what it was."""
    schema = pack.nodes["ImgSyncAudioDrivenAnimate"].GET_SCHEMA()
    ids = [port.id for port in schema.inputs]
    assert ids[-2:] == ["faces", "voices"] and ids[-3] == "length"
    grown = schema.inputs[-2:]
    assert all(port.optional and port.template.min == 0 for port in grown)
    assert [port.template.prefix for port in grown] == ["face", "voice"]
