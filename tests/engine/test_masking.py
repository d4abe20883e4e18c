"""What may be shown of a Secret."""

from __future__ import annotations

import orjson
import pytest
from deciding import body
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.masking import is_secret, mask_secret, mask_secrets

LAST = "kubectl.kubernetes.io/last-applied-configuration"
CANARY = "Y2FuYXJ5"
PLAIN = "canary"


def secret(**fields):
    return body("s", "Secret", **fields)


def shown(value):
    return orjson.dumps(value).decode()


@pytest.mark.parametrize(
    ("live", "target", "same"),
    [
        pytest.param({"a": CANARY}, {"a": CANARY}, True, id="equal"),
        pytest.param({"a": CANARY}, {"a": "b3RoZXI="}, False, id="different"),
    ],
)
def test_masks_show_what_differs(live, target, same):
    """
    Equal values get equal masks on all sides and different ones different masks.
    """
    one, other = mask_secrets((secret(data=live), secret(data=target)))

    assert same is (one["data"] == other["data"])
    assert set(one["data"]["a"] + other["data"]["a"]) == {"+"}


def test_string_data_is_data():
    """
    A value in stringData has the mask of the same value in data.
    """
    one, other = mask_secrets((secret(stringData={"a": PLAIN}), secret(data={"a": CANARY})))

    assert one["stringData"]["a"] == other["data"]["a"]


@pytest.mark.parametrize(
    "value", [pytest.param("x", id="short"), pytest.param("x" * 500, id="long"), pytest.param("", id="empty")]
)
def test_masks_tell_no_length(value):
    """
    A mask has the same length whatever it hides.
    """
    assert mask_secret(secret(data={"a": value}))["data"]["a"] == "++++++++"


def test_what_is_no_secret_stays():
    """
    Other objects come back as they are.
    """
    config = body("c", data={"a": PLAIN})

    assert mask_secret(config) is config
    assert mask_secrets((config, None)) == (config, None)


def test_what_is_shown():
    """
    Names, types and keys are shown, so that people see what they speak of.
    """
    masked = mask_secret(secret(type="Opaque", immutable=True, data={"password": CANARY}))

    assert masked["metadata"] == {"name": "s", "namespace": "web"}
    assert (masked["type"], masked["immutable"], list(masked["data"])) == ("Opaque", True, ["password"])


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(secret(data={"a": CANARY}), id="data"),
        pytest.param(secret(stringData={"a": PLAIN}), id="string data"),
        pytest.param(secret(data=CANARY), id="data that is no object"),
        pytest.param(secret(data=[CANARY]), id="data that is a list"),
        pytest.param(secret(data={"a": {"b": CANARY}}), id="nested data"),
        pytest.param(secret(dta={"a": CANARY}), id="a misspelt field"),
        pytest.param(secret(type={"a": CANARY}), id="a type that is an object"),
        pytest.param({**secret(), "metadata": CANARY}, id="metadata that is text"),
        pytest.param(body("s", "Secret", "v2", data={"a": CANARY}), id="of another version"),
        pytest.param(
            secret(annotations={LAST: shown(secret(data={"a": CANARY}))}), id="copy in an annotation"
        ),
        pytest.param(
            secret(annotations={LAST: shown(secret(annotations={LAST: shown(secret(data={"a": CANARY}))}))}),
            id="copy in a copy",
        ),
        pytest.param(secret(annotations={LAST: f"broken {CANARY}"}), id="broken copy"),
        pytest.param(secret(annotations={"x.example/copy": shown([{"data": CANARY}])}), id="copy elsewhere"),
        pytest.param(secret(annotations={"x.example/copy": f'"{CANARY}"'}), id="text in an annotation"),
        pytest.param(
            {**secret(), "metadata": {"name": "s", "annotations": [CANARY]}}, id="annotations as a list"
        ),
        pytest.param(
            {"apiVersion": "v1", "kind": "List", "items": [body("c"), secret(data={"a": CANARY})]},
            id="in a list",
        ),
        pytest.param(
            {"apiVersion": "v1", "kind": "SecretList", "items": [secret(data={"a": CANARY})]}, id="list"
        ),
    ],
)
def test_nothing_secret_is_shown(hidden):
    """
    No value of a Secret is shown, however malformed it is and wherever it keeps a copy of itself.
    """
    text = shown(mask_secret(hidden))

    assert CANARY not in text
    assert PLAIN not in text


def test_copies_too_deep_are_hidden_whole():
    """
    A copy within copies within copies is not followed for ever.
    """
    nested = secret(data={"a": CANARY})
    for _ in range(6):
        nested = secret(annotations={LAST: shown(nested)})

    assert CANARY not in shown(mask_secret(nested))


def test_annotations_to_hide():
    """
    Annotations that are configured as sensitive are hidden, of Secrets.
    """
    masked = mask_secret(secret(annotations={"token": "t-1", "note": "n"}), ["token"])

    assert masked["metadata"]["annotations"] == {"token": "++++++++", "note": "n"}


def test_one_secret_hides_all_sides():
    """
    When one side is a Secret all are masked, also one that changed its kind.
    """
    (changed, live) = mask_secrets((body("s", data={"a": CANARY}), secret(data={"a": CANARY})))

    assert CANARY not in shown([changed, live])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.just(CANARY),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "stringData", "a", "items", "kind", "type", "spec"]), inner, max_size=3)
    ),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["data", "stringData", "spec", "status", "type2", "items"]), _JSON))
def test_no_shape_shows_a_value(fields):
    """
    Whatever shape a Secret has, no value outside its metadata and type is shown.
    """
    masked = mask_secret({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **fields})

    assert is_secret(masked)
    assert CANARY not in shown(masked).replace('"kind":"' + CANARY, "").replace('"type":"' + CANARY, "")
