"""Tolerances of correct results: bounds from rounding-error analysis.

Notation: `u` is the unit roundoff, half the distance from 1 to the next larger number.
Rounding to nearest gives `fl(x) = x(1 + d)` with `|d| <= u` (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., SIAM 2002, §2.2).

For a computed sum c of k products with the exact value r, the worst case is
`|c - r| <= gamma_k |a|.|b|` with `gamma_k = k u / (1 - k u)` (ibid., §3.1). This bound is so
pessimistic for large k that it would hide real faults. Rounding errors act like independent
zero-mean variables. Therefore k can be replaced by `lambda sqrt(k)`, and the bound still holds with
high probability (Higham & Mary, A New Approach to Probabilistic Rounding Error Analysis,
SIAM J. Sci. Comput. 41(5), 2019). When the data are random with mean zero as well, partial sums
grow like `sqrt(k)` too, and the bound becomes `lambda u |a|_2 |b|_2`, in which the constant
`lambda u` does not grow with k (Higham & Mary, Sharper Probabilistic Backward Error Analysis for
Basic Linear Algebra Kernels with Random Data, SIAM J. Sci. Comput. 42(5), 2020). For standard
normal data, `|a|_2 |b|_2` is about k, and a typical element of the product is about `sqrt(k)`.
Relative to such an element, the error still grows like `sqrt(k)`.

Like a GPU, an x86 CPU sums float16 and bfloat16 products in float32. In tests with AVX-512, with
AVX2 and with neither, all errors are explained by float32 sums and the rounding of the output.
Convolutions in float16 on an Arm CPU do not sum in float32: see `convolution_tolerance`.
"""

import math

LAMBDA = 8.0
"""The approximate number of standard deviations that is allowed. The largest numbers measured on a
CPU (torch 2.13, normal data, k from 1 to 16384, reference in float64): 2.3 for float32, 1.0 for
float64, and 0.3 for bfloat16 and float16 beyond the rounding of the output."""

ACCUMULATION_BLOCK = 4
"""Products that a tensor core adds at once: 4 on V100 and T4, more on later GPUs (Fasi, Higham,
Mikaitis & Pranesh, Numerical Behavior of NVIDIA Tensor Cores, PeerJ Comput. Sci. 7:e330, 2021)."""

_UNIT_ROUNDOFF = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-11,  # of the inputs; the output and the sums are float32
    "bfloat16": 2.0**-8,
    "float16": 2.0**-11,
}
_HALF_SUBNORMAL = {
    "float64": 2.0**-1075,
    "float32": 2.0**-150,
    "tf32": 2.0**-150,
    "bfloat16": 2.0**-134,
    "float16": 2.0**-25,
}
_TENSOR_CORE_DTYPES = frozenset({"tf32", "bfloat16", "float16"})


def unit_roundoff(dtype: str) -> float:
    """Return the largest relative rounding error in `dtype`; for tf32, that of the inputs."""
    return _UNIT_ROUNDOFF[dtype]


def half_subnormal(dtype: str) -> float:
    """Return the largest absolute rounding error of a result too small to be a normal number.

    This error matters only for float16, whose smallest normal number is 6e-5: some products of two
    Gaussian random numbers are smaller. The value for float64, 2**-1075, is 0 in Python.
    """
    return _HALF_SUBNORMAL[dtype]


def matmul_tolerance(dtype: str, k: int) -> tuple[float, float]:
    """Return `(u_out, kappa)` for an (m, k) by (k, n) matmul of zero-mean random data.

    A correct product c of inputs already rounded to `dtype` (to float32 for tf32) and its
    float64 reference r obey `|c_ij - r_ij| <= u_out |r_ij| + kappa |a_i|_2 |b_j|_2`, where a_i
    is a row of the left matrix and b_j a column of the right one. For float16 and k < 16 add
    `half_subnormal`. The terms:

    - u_out: the rounding of the output. tf32 inputs may be truncated instead of rounded, which
      scales a result by (1 - 2u)^2 at worst and by 1 - 1.4u on average. So u_out is 2u for tf32.
    - `lambda u_acc`: the sums, which are in float32, or in float64 for float64. It also covers the
      error of the float64 reference, which matters only for float64.
    - `lambda/2 u_acc sqrt(k)/block`: the truncation of sums in tensor cores (Fasi et al. 2021).
      Each block of products adds an error of u_acc |s| on average, always towards zero, where s is
      the partial sum. s is a random walk. If it ends z standard deviations from zero, these errors
      add up to `2/3 |z| u_acc sqrt(k)/block |a|_2 |b|_2`; the term allows |z| <= 6.
    - `lambda u_in / sqrt(k)`: the rounding of tf32 inputs, which causes k independent errors.

    Not covered: sums kept in half precision. Set
    `torch.backends.cuda.matmul.allow_{fp16,bf16}_reduced_precision_reduction = False`;
    otherwise cuBLAS may round partial sums to the output's type when it splits k.
    """
    if k < 1:
        raise ValueError(f"a product needs k >= 1, got {k}")
    u_acc = unit_roundoff("float64" if dtype == "float64" else "float32")
    u_out, kappa = unit_roundoff(dtype), LAMBDA * u_acc
    if dtype in _TENSOR_CORE_DTYPES:
        kappa += LAMBDA / 2 * u_acc * math.sqrt(k) / ACCUMULATION_BLOCK
    if dtype == "tf32":
        u_out, kappa = 2 * u_out, kappa + LAMBDA * unit_roundoff("tf32") / math.sqrt(k)
    return u_out, kappa


def convolution_tolerance(
    dtype: str, k: int, device_kind: str, architecture: str | None
) -> tuple[float, float]:
    """Return `(u_out, kappa)` of `matmul_tolerance` for a convolution that sums k products.

    On an Arm CPU, PyTorch computes convolutions with oneDNN and the Arm Compute Library. This
    library adds float16 products in float16 (according to its authors in uxlfoundation/oneDNN,
    issue 1499, 2022), so u_acc is that of float16. `architecture` is the result of
    `platform.machine`.
    """
    u_out, kappa = matmul_tolerance(dtype, k)
    if dtype == "float16" and device_kind == "cpu" and architecture == "aarch64":
        kappa = LAMBDA * unit_roundoff("float16")
    return u_out, kappa
