"""Programs with control flow: source text that defines `f`, and the calls of it. `tf` is bound by whoever runs them."""

# ruff: noqa: E501 - one program a line
from __future__ import annotations

import importlib.util
import sys
import textwrap

_PROGRAMS: dict[str, tuple[str, list[tuple[object, ...]]]] = {}


def _program(name: str, body: str, *calls: tuple[object, ...]) -> None:
    _PROGRAMS[name] = textwrap.dedent(body).strip() + "\n", list(calls)


_program("if_else", "def f(x):\n    if x > 0:\n        y = x * 2\n    else:\n        y = -x\n    return y", (3,), (-3,))
_program("if_without_else", "def f(x):\n    if x > 2:\n        x = x - 2\n    return x", (3,), (1,))
_program(
    "elif",
    "def f(x):\n    if x > 5:\n        y = 1\n    elif x > 3:\n        y = 2\n    else:\n        y = 3\n    return y",
    (6,),
    (4,),
    (0,),
)
_program("early_return", "def f(x):\n    if x > 0:\n        return x + 1\n    return x - 1", (1,), (-1,))
_program(
    "many_returns",
    "def f(x):\n    if x > 5:\n        return x\n    elif x > 0:\n        if x > 3:\n            return -x\n        else:\n            return x * 10\n    else:\n        return x * 0",
    (6,), (4,), (2,), (-2,),
)  # fmt: skip
_program(
    "nested_if",
    "def f(x):\n    y = x\n    if x > 0:\n        if x > 10:\n            y = x - 10\n        y = y + 1\n    return y",
    (20,),
    (5,),
    (-5,),
)
_program(
    "two_variables",
    "def f(x):\n    if x > 0:\n        a, b = x, x + 1\n    else:\n        a, b = -x, -x - 1\n    return a * 10 + b",
    (2,),
    (-2,),
)
_program("while", "def f(x):\n    while x < 100:\n        x = x * 2\n    return x", (3,), (200,))
_program(
    "while_two_variables",
    "def f(n):\n    a, b = 0, 1\n    while n > 0:\n        a, b = b, a + b\n        n -= 1\n    return a",
    (10,),
    (0,),
)
_program(
    "while_break",
    "def f(x):\n    while x < 100:\n        x = x * 2\n        if x > 20:\n            break\n    return x",
    (3,),
    (90,),
    (200,),
)
_program(
    "while_continue",
    "def f(n):\n    s = 0\n    while n > 0:\n        n -= 1\n        if n % 2 == 0:\n            continue\n        s += n\n    return s",
    (10,), (0,),
)  # fmt: skip
_program(
    "nested_while",
    "def f(n):\n    s = 0\n    while n > 0:\n        m = n\n        while m > 0:\n            s += m\n            m -= 1\n        n -= 1\n    return s",
    (4,),
)
_program("for_range", "def f(n):\n    s = 0\n    for i in tf.range(n):\n        s += i\n    return s", (5,), (0,))
_program("for_python_range_of_tensor", "def f(n):\n    s = 0\n    for i in range(n):\n        s += i * i\n    return s", (5,))
_program(
    "for_range_limits", "def f(n):\n    s = 0\n    for i in tf.range(2, n, 3):\n        s = s * 10 + i\n    return s", (9,), (2,)
)
_program("for_range_down", "def f(n):\n    s = 0\n    for i in tf.range(n, 0, -1):\n        s = s * 10 + i\n    return s", (4,))
_program("for_rows", "def f(x):\n    s = 0\n    for row in x:\n        s = s * 2 + row\n    return s", ([1, 2, 3],))
_program(
    "for_matrix",
    "def f(x):\n    s = 0\n    for row in x:\n        for v in row:\n            s = s * 3 + v\n    return s",
    ([[1, 2], [3, 4]],),
)
_program("for_list", "def f(x):\n    for k in [1, 2, 3]:\n        if x > k:\n            x = x - k\n    return x", (5,), (1,))
_program("for_python_range", "def f(x):\n    for k in range(4):\n        x = x + k\n    return x", (1,))
_program(
    "for_break",
    "def f(n):\n    s = 0\n    for i in tf.range(n):\n        if i == 3:\n            break\n        s += i\n    return s",
    (10,),
    (2,),
)
_program(
    "for_continue",
    "def f(n):\n    s = 0\n    for i in tf.range(n):\n        if i == 3:\n            continue\n        s += i\n    return s",
    (10,),
    (2,),
)
_program(
    "break_and_continue",
    "def f(n):\n    s = 0\n    for i in tf.range(n):\n        if i % 2 == 0:\n            continue\n        if i > 6:\n            break\n        s += i\n    return s",
    (20,), (3,),
)  # fmt: skip
_program(
    "inner_break",
    "def f(n):\n    s = 0\n    for i in tf.range(n):\n        for j in tf.range(n):\n            if j > i:\n                break\n            s += j\n    return s",
    (5,),
)
_program("and", "def f(x):\n    if x > 0 and x < 10:\n        return x\n    return -x", (5,), (15,), (-5,))
_program("or", "def f(x):\n    if x < 0 or x > 10:\n        return x\n    return -x", (5,), (15,), (-5,))
_program("not", "def f(x):\n    if not x > 3:\n        return x * 2\n    return x", (5,), (1,))
_program("chained_comparison", "def f(x):\n    if 0 < x < 10:\n        return x\n    return -x", (5,), (15,))
_program(
    "mixed_logic",
    "def f(x):\n    if (x > 0 and not x == 3) or x == -7:\n        return x\n    return x * 100",
    (2,),
    (3,),
    (-7,),
    (-8,),
)
_program("conditional_expression", "def f(x):\n    return x * 2 if x > 0 else -x", (3,), (-3,))
_program("nested_conditional_expression", "def f(x):\n    return x if x > 5 else x * 2 if x > 0 else -x", (6,), (3,), (-3,))
_program("calls", "def g(x):\n    if x > 2:\n        return -x\n    return x\ndef f(x):\n    return g(x) + g(x - 5)", (3,), (9,))
_program(
    "recursion_of_calls",
    "def h(x):\n    while x > 3:\n        x -= 3\n    return x\ndef g(x):\n    return h(x) * 2\ndef f(x):\n    return g(x + 1)",
    (9,),
)
_program(
    "closure",
    "def make(k):\n    def f(x):\n        if x > k:\n            return x - k\n        return x + k\n    return f\nf = make(4)",
    (9,),
    (1,),
)
_program(
    "nested_function",
    "def f(x):\n    def g(y):\n        if y > 0:\n            return y\n        return -y\n    return g(x) + g(x - 4)",
    (3,),
    (9,),
)
_program(
    "nonlocal_counter",
    "def f(x):\n    n = 0\n    def add():\n        nonlocal n\n        n = n + 1\n    add()\n    add()\n    return x + n",
    (3,),
)
_program(
    "lambda", "g = lambda x: x * 3 if x > 1 else x\ndef f(x):\n    return g(x) + (lambda y: y if y > 2 else -y)(x)", (2,), (5,)
)
_program(
    "partial",
    "import functools\ndef g(k, x):\n    if x > k:\n        return x\n    return -x\ndef f(x):\n    return functools.partial(g, 3)(x)",
    (2,),
    (5,),
)
_program(
    "method",
    "class C:\n    def __init__(self, k):\n        self.k = k\n    def m(self, x):\n        if x > self.k:\n            return x\n        return -x\nc = C(3)\ndef f(x):\n    return c.m(x)",
    (2,), (5,),
)  # fmt: skip
_program(
    "callable_object",
    "class C:\n    def __call__(self, x):\n        while x > 3:\n            x -= 2\n        return x\nc = C()\ndef f(x):\n    return c(x)", (8,), (1,),
)  # fmt: skip
_program(
    "super",
    "class A:\n    def m(self, x):\n        if x > 0:\n            return x\n        return -x\nclass B(A):\n    def m(self, x):\n        return super().m(x) + 1\nb = B()\ndef f(x):\n    return b.m(x)",
    (2,), (-5,),
)  # fmt: skip
_program(
    "decorated",
    "import functools\ndef twice(g):\n    @functools.wraps(g)\n    def w(x):\n        return g(g(x))\n    return w\n@twice\ndef f(x):\n    if x > 0:\n        return x - 3\n    return x",
    (5,),
    (2,),
)
_program(
    "attribute",
    "class S:\n    pass\ndef f(x):\n    s = S()\n    s.v = x\n    while s.v < 50:\n        s.v = s.v * 3\n    return s.v",
    (2,),
    (60,),
)
_program(
    "attribute_in_branch",
    "class S:\n    pass\ndef f(x):\n    s = S()\n    s.v = x\n    if x > 3:\n        s.v = s.v + 100\n    return s.v",
    (2,),
    (5,),
)
_program("subscript", "def f(x):\n    d = {'a': x}\n    while d['a'] < 50:\n        d['a'] = d['a'] * 3\n    return d['a']", (2,))
_program(
    "tuple_variable",
    "def f(n):\n    p = (n, n * 0)\n    while p[0] > 0:\n        p = (p[0] - 1, p[1] + p[0])\n    return p[1]",
    (4,),
)
_program(
    "builtins",
    "def f(x):\n    if x < 0:\n        x = abs(x) + len([1, 2])\n    return x + int(2.5) + sum([1, 2]) + max(1, 2)",
    (-4,),
    (4,),
)
_program(
    "enumerate_zip",
    "def f(x):\n    for i, (a, b) in enumerate(zip([1, 2], [3, 4])):\n        x = x + i * a * b\n    return x",
    (1,),
)
_program(
    "python_values_stay",
    "def f(x):\n    mode = 'double'\n    if mode == 'double':\n        x = x * 2\n    n = 0\n    while n < 3:\n        n += 1\n    return x + n",
    (4,),
)
_program(
    "static_return_in_loop", "def f(x):\n    for k in range(5):\n        if k == 3:\n            return x + k\n    return x", (4,)
)
_program(
    "with_annotations", "def f(x: 'int') -> 'int':\n    y: int = 3\n    if x > y:\n        y += 1\n    return x + y", (4,), (1,)
)

_program(
    "named_handler",
    "def f(x):\n    for i in (1, 2):\n        try:\n            if i == 2:\n                raise ValueError(i)\n            x = x + i\n"
    "        except (ValueError, KeyError) as error:\n            if x > 3:\n                x = x * 10 * error.args[0]\n"
    "        except TypeError:\n            x = x * 0\n    return x",
    (1,),
    (5,),
)
PROGRAMS = _PROGRAMS


def load(name: str, tf: object, path: str) -> object:
    """The function `f` of a program, compiled from a real file so that its source can be read."""
    with open(path, "w") as file:
        file.write(PROGRAMS[name][0])
    spec = importlib.util.spec_from_file_location(f"program_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    module.tf = tf  # type: ignore[attr-defined]
    spec.loader.exec_module(module)
    return module.f
