"""tf.linalg.LinearOperator...: what each does to matrices, compared with TensorFlow's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.public.case import Case, case

R = np.random.RandomState(12)
SQUARE, BATCH = R.standard_normal((3, 3)), R.standard_normal((2, 3, 3)) + 3 * np.eye(3)
POSITIVE = SQUARE @ SQUARE.T + np.eye(3)
TRIDIAGONAL = np.triu(np.tril(SQUARE, 1), -1) + 3 * np.eye(3)
X, XB = R.standard_normal((3, 2)), R.standard_normal((2, 3, 2))
DIAGONAL = R.uniform(0.5, 2.0, 3)
SPECTRUM = R.uniform(0.5, 2.0, 3) + 0.3j * R.uniform(-1, 1, 3)

Make = Callable[..., Any]


def acts(make: Make, *, solves: bool = True) -> Callable[..., Any]:
    """Products, solutions and shapes."""

    def run(tf: Any, x: Any, *parts: Any) -> Any:
        operator = make(tf, *parts)
        vector = x[..., 0]
        found = [
            operator.matmul(x),
            operator.matmul(x, adjoint=True),
            operator.matmul(tf.linalg.adjoint(x), adjoint_arg=True),
            operator @ x,
            operator.matvec(vector),
            operator.to_dense(),
            operator.adjoint().to_dense(),
            operator.H.matmul(x),
            operator.diag_part(),
            operator.trace(),
            operator.add_to_tensor(operator.to_dense()),
            operator.shape_tensor(),
            operator.batch_shape_tensor(),
            operator.domain_dimension_tensor(),
            operator.tensor_rank_tensor(),
        ]
        if solves:
            found += [
                operator.solve(x),
                operator.solve(x, adjoint=True),
                operator.solvevec(vector),
                operator.inverse().matmul(x),
                operator.inverse().to_dense(),
                operator.determinant(),
                operator.log_abs_determinant(),
                operator.inverse().log_abs_determinant(),
            ]
        return found

    return run


def hints(make: Make) -> Callable[..., Any]:
    """What is known of the operator, and which classes its relatives are of."""

    def run(tf: Any, *parts: Any) -> Any:
        operator = make(tf, *parts)
        known = [operator.is_square, operator.is_self_adjoint, operator.is_positive_definite, operator.is_non_singular]
        relatives = [operator.adjoint(), operator.inverse(), operator.matmul(operator), operator.matmul(operator.inverse())]
        texts = [str(k) for k in known] + [type(relative).__name__ for relative in relatives]
        return tf.constant([*texts, operator.name, str(operator.shape), str(operator.batch_shape), operator.dtype.name])

    return run


def both(name: str, make: Make, x: Any, *parts: Any, solves: bool = True, **options: Any) -> dict[str, Case]:
    """The case of what an operator does, and that of what is known of it."""
    known = {f"{name}-hints": case(hints(make), *parts, in_function=False, gradient=False)} if solves else {}
    return {name: case(acts(make, solves=solves), x, *parts, **{"gradient": False, "tolerance": 1e-8, **options})} | known


def low_rank(tf: Any, d: Any, u: Any, v: Any) -> Any:
    return tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), u, tf.constant([0.5, 2.0], tf.float64), v)


def toeplitz(tf: Any, c: Any) -> Any:
    return tf.linalg.LinearOperatorToeplitz(c, tf.concat([c[:1], c[1:] * 0.3], 0))


def circulant(tf: Any, s: Any) -> Any:
    return tf.linalg.LinearOperatorCirculant(s)


def blocks(tf: Any, m: Any, d: Any) -> Any:
    return tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m[:2, :2]), tf.linalg.LinearOperatorDiag(d[:1])])


def lower_blocks(tf: Any, m: Any, d: Any) -> Any:
    full = tf.linalg.LinearOperatorFullMatrix
    return tf.linalg.LinearOperatorBlockLowerTriangular([[full(m[:2, :2])], [full(m[2:, :2]), tf.linalg.LinearOperatorDiag(d[:1])]])


def kronecker(tf: Any, m: Any, d: Any) -> Any:
    return tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(d)])


def kronecker_three(tf: Any, m: Any) -> Any:
    full = tf.linalg.LinearOperatorFullMatrix
    return tf.linalg.LinearOperatorKronecker([full(m[:2, :2]), full(m[1:, 1:]), full(m)])


def composition(tf: Any, m: Any, d: Any) -> Any:
    return tf.linalg.LinearOperatorComposition([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(d)])


def factors(tf: Any, m: Any, d: Any) -> Any:
    """Cholesky factors, eigenvalues, condition numbers, and products of operators."""
    lin = tf.linalg
    full = lin.LinearOperatorFullMatrix(m, is_self_adjoint=True, is_positive_definite=True)
    diag = lin.LinearOperatorDiag(d, is_positive_definite=True)
    lower = full.cholesky()
    return [
        lower.to_dense(),
        diag.cholesky().to_dense(),
        full.cond(),
        diag.cond(),
        lower.matmul(diag).to_dense(),
        diag.matmul(lower).to_dense(),
        full.matmul(diag).to_dense(),
        full.solve(diag).to_dense(),
        diag.matmul(diag.inverse()).to_dense(),
        lin.LinearOperatorBlockDiag([full, diag]).cholesky().to_dense(),
        lin.LinearOperatorKronecker([full, diag]).cholesky().to_dense(),
    ]


def kinds(tf: Any, m: Any, d: Any) -> Any:
    """The classes that products have."""
    lin = tf.linalg
    made = [
        lin.LinearOperatorFullMatrix(m),
        lin.LinearOperatorDiag(d),
        lin.LinearOperatorIdentity(3, dtype=tf.float64),
        lin.LinearOperatorScaledIdentity(3, d[0]),
        lin.LinearOperatorLowerTriangular(m),
        lin.LinearOperatorZeros(3, dtype=tf.float64),
        lin.LinearOperatorHouseholder(d),
        lin.LinearOperatorPermutation([2, 0, 1], dtype=tf.float64),
    ]
    return tf.constant([type(left.matmul(right)).__name__ for left in made for right in made])


def checks(tf: Any, m: Any) -> Any:
    """Checks that pass."""
    full = tf.linalg.LinearOperatorFullMatrix(m)
    full.assert_non_singular()
    full.assert_self_adjoint()
    return full.trace()


def singular(tf: Any) -> Any:
    tf.linalg.LinearOperatorFullMatrix([[1.0, 2.0], [2.0, 4.0]]).assert_non_singular()


def not_adjoint(tf: Any) -> Any:
    tf.linalg.LinearOperatorFullMatrix([[1.0, 2.0], [3.0, 4.0]]).assert_self_adjoint()


CASES: dict[str, Case] = {
    **both("full", lambda tf, m: tf.linalg.LinearOperatorFullMatrix(m), X, SQUARE),
    **both("full-batch", lambda tf, m: tf.linalg.LinearOperatorFullMatrix(m), X, BATCH),
    **both("full-positive", lambda tf, m: tf.linalg.LinearOperatorFullMatrix(m, True, True, True), XB, POSITIVE),
    **both("diag", lambda tf, d: tf.linalg.LinearOperatorDiag(d), X, DIAGONAL),
    **both("diag-batch", lambda tf, d: tf.linalg.LinearOperatorDiag(d), X, np.stack([DIAGONAL, DIAGONAL[::-1]])),
    **both("diag-complex", lambda tf, d: tf.linalg.LinearOperatorDiag(d), X + 1j * X[::-1], SPECTRUM),
    **both("lower", lambda tf, m: tf.linalg.LinearOperatorLowerTriangular(m), X, BATCH),
    **both("identity", lambda tf: tf.linalg.LinearOperatorIdentity(3, dtype=tf.float64), X),
    **both("identity-batch", lambda tf: tf.linalg.LinearOperatorIdentity(3, [2], tf.float64), X),
    **both("scaled", lambda tf, s: tf.linalg.LinearOperatorScaledIdentity(3, s), X, np.array([2.0, -0.5])),
    **both("zeros", lambda tf: tf.linalg.LinearOperatorZeros(3, dtype=tf.float64), X, solves=False),
    **both("permutation", lambda tf, p: tf.linalg.LinearOperatorPermutation(p, tf.float64), X, np.int32([2, 0, 1])),
    **both("householder", lambda tf, v: tf.linalg.LinearOperatorHouseholder(v), X, DIAGONAL),
    **both("tridiagonal", lambda tf, d: tf.linalg.LinearOperatorTridiag(d), X, SQUARE + 3),
    **both("tridiagonal-matrix", lambda tf, d: tf.linalg.LinearOperatorTridiag(d, "matrix"), X, TRIDIAGONAL),
    **both("toeplitz", toeplitz, X, DIAGONAL + np.array([3, 0, 0])),
    **both("low-rank", low_rank, X, DIAGONAL, SQUARE[:, :2], SQUARE[:, 1:]),
    **both("block-diag", blocks, X, SQUARE, DIAGONAL),
    "block-lower": case(acts(lower_blocks), X, SQUARE, DIAGONAL, gradient=False, tolerance=1e-8),
    **both("composition", composition, X, SQUARE, DIAGONAL),
    **both("kronecker", kronecker, R.standard_normal((6, 2)), SQUARE[:2, :2], DIAGONAL),
    **both("kronecker-three", kronecker_three, R.standard_normal((2, 12, 2)), SQUARE),
    **both("circulant", circulant, (X + 1j * X[::-1]).astype(np.complex64), SPECTRUM.astype(np.complex64), tolerance=1e-5),
    **both(
        "circulant-real",
        lambda tf, s: tf.linalg.LinearOperatorCirculant(s, input_output_dtype=tf.float64),
        X,
        np.array([3.0, 1.0, 1.0]),
        tolerance=1e-7,
    ),
    **both(
        "circulant-blocks",
        lambda tf, s: tf.linalg.LinearOperatorCirculant2D(s),
        R.standard_normal((6, 2)).astype(np.complex64),
        R.uniform(0.5, 2.0, (2, 3)).astype(np.complex64),
        tolerance=1e-5,
    ),
    "gradient": case(
        lambda tf, x, m, d: [kronecker(tf, m, d).solve(x), composition(tf, m, d[:2]).log_abs_determinant()],
        R.standard_normal((6, 2)),
        BATCH[0, :2, :2],
        DIAGONAL,
        tolerance=1e-6,
    ),
    "factors": case(factors, POSITIVE, DIAGONAL, gradient=False, tolerance=1e-8),
    "products": case(kinds, SQUARE, DIAGONAL, gradient=False, in_function=False),
    "checks": case(checks, POSITIVE, gradient=False),
    "singular": case(singular, in_function=False),
    "not-adjoint": case(not_adjoint, in_function=False),
    "kernel": case(lambda tf, s: circulant(tf, s).convolution_kernel(), SPECTRUM, gradient=False),
    "conjugate-gradient": case(
        lambda tf, m, x: list(
            tf.linalg.experimental.conjugate_gradient(tf.linalg.LinearOperatorFullMatrix(m, True, True, True), x[:, 0], max_iter=2)
        ),
        POSITIVE,
        X,
        gradient=False,
        tolerance=1e-8,
    ),
    "conjugate-gradient-to-the-end": case(
        lambda tf, m, x: (
            tf.linalg.experimental.conjugate_gradient(
                tf.linalg.LinearOperatorFullMatrix(m, True, True, True),
                x[:, 0],
                preconditioner=tf.linalg.LinearOperatorDiag(1.0 / tf.linalg.diag_part(m), None, True, True),
                tol=1e-12,
            ).x
        ),
        POSITIVE,
        X,
        gradient=False,
        tolerance=1e-8,
    ),
    "conjugate-gradient-unknown": case(
        lambda tf, m, x: tf.linalg.experimental.conjugate_gradient(tf.linalg.LinearOperatorFullMatrix(m), x[:, 0]),
        POSITIVE,
        X,
        in_function=False,
    ),
    "cholesky-unknown": case(lambda tf, m: tf.linalg.LinearOperatorFullMatrix(m).cholesky(), SQUARE, in_function=False),
    "inverse-of-wide": case(lambda tf, m: tf.linalg.LinearOperatorFullMatrix(m[:2]).inverse(), SQUARE, in_function=False),
    "determinant-of-wide": case(lambda tf, m: tf.linalg.LinearOperatorFullMatrix(m[:2]).determinant(), SQUARE, in_function=False),
    "solve-of-zeros": case(lambda tf, x: tf.linalg.LinearOperatorZeros(3, dtype=tf.float64).solve(x), X, in_function=False),
    "rows": case(lambda tf, m, x: tf.linalg.LinearOperatorFullMatrix(m).matmul(x[:2]), SQUARE, X, in_function=False),
    "hints-that-contradict": case(
        lambda tf, m: tf.linalg.LinearOperatorFullMatrix(m, is_positive_definite=True, is_non_singular=False),
        SQUARE,
        in_function=False,
    ),
}
