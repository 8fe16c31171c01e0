"""What codes mean, and which code each text of PyTorch 2.13 has. The texts were read in the lab."""

import pytest

from workload.hardware.driver_codes import (
    Kind,
    cause_of,
    causes,
    cuda_cause,
    shortened,
    start_cause,
)

PREFIX = (
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling "
    "NumCudaDevices() that might have already set an error? Error {}: {}"
)
TEXTS = {
    100: "No CUDA GPUs are available",
    3: "CUDA driver initialization failed, you might not have a CUDA gpu.",
    999: "CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing "
    "env variable CUDA_VISIBLE_DEVICES after program start. Setting the available devices",
    35: "The NVIDIA driver on your system is too old (found version 12040). Please update",
    719: "CUDA error: unspecified launch failure",
    209: "CUDA error: no kernel image is available for execution on the device",
    2: "CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has a total capacity of 79.65 GiB",
}
COUNTED = (2, 34, 36, 46, 101, 102, 214, 304, 800, 802, 803, 804, 805, 806)


@pytest.mark.parametrize(("code", "text"), TEXTS.items())
def test_a_text_of_pytorch_has_its_code(code: int, text: str) -> None:
    cause = cause_of(text)
    assert cause
    assert cause.code == code


@pytest.mark.parametrize("code", COUNTED)
def test_a_numbered_error_has_its_code(code: int) -> None:
    cause = cause_of(PREFIX.format(code, causes()[code].text))
    assert cause
    assert cause.code == code


@pytest.mark.parametrize("code", causes())
def test_each_error_of_a_call_has_a_code_of_its_text(code: int) -> None:
    cause = cause_of(f"CUDA error: {causes()[code].text}")
    assert cause
    assert cause.text == causes()[code].text


def test_a_code_of_the_exception_comes_before_its_text() -> None:
    error = RuntimeError("CUDA error: unknown error")
    error.error_code = 214  # type: ignore[attr-defined]  # as torch.AcceleratorError has
    cause = cause_of(error)
    assert cause
    assert cause.kind is Kind.ECC


def test_an_error_without_a_code_has_no_cause() -> None:
    assert cause_of("CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH") is None


@pytest.mark.parametrize(("code", "sticky"), [(2, False), (46, False), (209, False), (214, True),
                                              (700, True), (719, True)])  # fmt: skip
def test_after_some_errors_nothing_works_any_more(code: int, sticky: bool) -> None:
    assert cuda_cause(code).sticky is sticky


def test_only_a_missing_gpu_can_be_hidden_by_cuda_visible_devices() -> None:
    cases = {code: start_cause(code, None, "0").case for code in (100, 802, 999)}
    assert cases == {100: "hidden", 802: "fabric_manager", 999: "unknown_error"}


def test_a_code_that_is_not_known_keeps_its_number() -> None:
    assert cuda_cause(888).with_code() == "CUDA error, error 888"


def test_what_pytorch_adds_to_a_reason_is_left_out() -> None:
    text = PREFIX.format(802, "system not yet initialized")
    added = f"CUDA initialization: {text} (Triggered internally at /x/CUDAFunctions.cpp:119.)"
    assert shortened(added) == "Error 802: system not yet initialized"


def test_each_cause_has_texts_without_a_full_stop() -> None:
    texts = [text for cause in causes().values() for text in (cause.why, cause.fix)]
    assert not [text for text in texts if not text or text.endswith(".")]
