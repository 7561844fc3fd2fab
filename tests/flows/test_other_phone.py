"""Images that say they are for another phone."""

import msgspec
import pytest
from image_builders import dtb

from hardboot import devicetree, profile
from hardboot.base.errors import RefusedError
from hardboot.devicetree import Candidate
from hardboot.flows import other_phone
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt


def tree(*compatible: str, more: str = "") -> Fdt:
    names = ", ".join(f'"{name}"' for name in compatible)
    return fdt.parse(dtb(f"/ {{ {f'compatible = {names};' if names else ''} {more} }};"))


def check(
    name: str = "hammerhead",
    own: str = "",
    trees: tuple[Fdt, ...] = (),
    *,
    live: Fdt | None = None,
    running: str | None = None,
) -> None:
    found: list[Candidate] = [devicetree.candidate(one) for one in trees]
    named = other_phone.hardware(own)
    other_phone.check(profile.load(name), named, found, live=live, running=running)


def test_a_boot_configuration_names_hardware_if_the_command_line_does_not() -> None:
    config = {"androidboot.hardware": ("ripcurrent",), "androidboot.x": ()}
    assert other_phone.hardware("quiet", config) == "ripcurrent"
    assert other_phone.hardware("androidboot.hardware=a", config) == "a"
    assert other_phone.hardware("", {"androidboot.hardware": ()}) is None


@pytest.mark.parametrize(
    ("own", "hardware"),
    [
        ("", None),
        ("quiet androidboot.hardware=qcom", "qcom"),
        ('androidboot.hardware="shamu" quiet', "shamu"),
        ("androidboot.hardware=a androidboot.hardware=b", "b"),
        ("androidboot.hardware=", None),
        ("androidboot.hardware=a=b", "a=b"),
        ("androidboot.hardware.sku=x xandroidboot.hardware=y androidboot.hardware", None),
    ],
)
def test_the_hardware_a_command_line_names(own: str, hardware: str | None) -> None:
    assert other_phone.hardware(own) == hardware


@pytest.mark.parametrize(
    ("name", "own", "running"),
    [
        ("hammerhead", "androidboot.hardware=hammerhead", None),
        ("hammerhead", "androidboot.hardware=Hammerhead", "qcom"),
        ("hammerhead", "quiet", "qcom"),
        ("flo", "androidboot.hardware=deb", "flo"),
        ("m7", "androidboot.hardware=qcom", None),
        ("jflte", "androidboot.hardware=qcom", None),
        ("jflte", "androidboot.hardware=mako", "mako"),
        ("z3", "androidboot.hardware=unknown", None),
    ],
)
def test_a_command_line_for_this_phone_is_taken(
    name: str, own: str, running: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    check(name, own, running=running)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("running", [None, "hammerhead"])
def test_a_command_line_that_names_another_known_phone_is_refused(running: str | None) -> None:
    with pytest.raises(RefusedError) as caught:
        check(own="androidboot.hardware=shamu quiet", running=running)
    assert caught.value.what == (
        "the image is for another phone: it has androidboot.hardware=shamu, which is Motorola "
        "Nexus 6; this is LG Nexus 5"
    )
    assert caught.value.fix == (
        "Use an image for LG Nexus 5. If it is one, give it another command line (--cmdline, or hardboot "
        "unpack and pack)."
    )


@pytest.mark.parametrize(
    ("running", "evidence"),
    [
        (None, "images for it usually have androidboot.hardware=hammerhead"),
        ("bullet", "its running system was started with androidboot.hardware=bullet"),
    ],
)
def test_other_hardware_is_a_warning_with_its_evidence(
    running: str | None, evidence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check(own="androidboot.hardware=exynos", running=running)
    assert capsys.readouterr().err == (
        "warning: the image may be for another phone: it has androidboot.hardware=exynos; "
        f"LG Nexus 5: {evidence}\n"
    )


@pytest.mark.parametrize("live", [None, tree("lge,hammerhead", "qcom,msm8974")])
def test_a_tree_that_names_another_known_phone_is_refused(live: Fdt | None) -> None:
    with pytest.raises(RefusedError) as caught:
        check(trees=(tree("oneplus,bacon", "qcom,msm8974"),), live=live)
    assert caught.value.what == (
        'the image is for another phone: its device tree is for "oneplus,bacon, qcom,msm8974", which is '
        "OnePlus One; this is LG Nexus 5"
    )


def test_a_profile_that_does_not_know_how_kernels_get_their_tree_will_do() -> None:
    known = profile.load("hammerhead")
    draft = msgspec.structs.replace(known, dtb=msgspec.structs.replace(known.dtb, kind=None))
    other_phone.check(draft, None, [devicetree.candidate(tree("acme,one"))], live=None, running=None)


def test_a_name_in_the_phones_own_tree_is_no_other_phone(capsys: pytest.CaptureFixture[str]) -> None:
    check(trees=(tree("oneplus,bacon", "acme,soc"),), live=tree("acme,board", "OnePlus,Bacon"))
    assert capsys.readouterr().err == ""


MSM_ID = "qcom,msm-id = <0x7e 0x96 0x20002 0xb>;"  # hammerhead's
OTHER_ID = "qcom,msm-id = <0xb2 0x46 0x20000 0>;"


@pytest.mark.parametrize(
    ("own", "live", "problem"),
    [
        (tree("acme,one"), tree("acme,two"), 'it is for "acme,one", the phone runs with "acme,two"'),
        (tree("acme,one", "acme,soc"), tree("acme,two", "acme,soc"), None),
        (tree("mediatek,MT6735"), tree("mediatek,mt6735"), None),
        (tree("lge,hammerhead", more=OTHER_ID), tree("qcom,msm8974-old", more=MSM_ID), None),
        (tree(), tree("acme,two"), None),
        (tree("acme,one"), tree(), None),
        (tree("acme,one"), None, None),
        (tree("acme,one", more=MSM_ID), tree("acme,two", more=MSM_ID), None),
        (tree("acme,one", more=OTHER_ID), tree("acme,one", more=MSM_ID), "none is for "),
        (tree("acme,one", more=OTHER_ID), None, "none is for "),
        (tree("acme,one", more=OTHER_ID), tree("acme,two", more=OTHER_ID), None),
        (tree("acme,one", more="qcom,msm-id = [00];"), tree("acme,one"), None),
    ],
)
def test_a_tree_that_is_unlike_the_phones_is_a_warning(
    own: Fdt, live: Fdt | None, problem: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    check(trees=(own,), live=live)
    told = capsys.readouterr().err
    start = "warning: the image's device tree may be for another phone than LG Nexus 5: "
    assert told.startswith(f"{start}{problem}") if problem else told == ""


def test_among_several_trees_and_where_there_are_none_nothing_is_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    check(trees=(tree("oneplus,bacon"), tree("acme,one")), live=tree("acme,two"))
    check(trees=(), live=tree("acme,two"))
    check("mako", trees=(tree("oneplus,bacon"),))  # its kernels get ATAGS: no tree is used
    assert capsys.readouterr().err == ""
