"""Names at the top of tf, and what programs ask of the machine."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from tests.public.case import case

R = np.random.RandomState(9)
X = R.standard_normal((3, 4)).astype(np.float32)
POSITIVE = R.uniform(0.2, 6.0, (3, 4))


class Celsius:
    """A number that TensorFlow knows nothing of."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


def converted(tf: Any) -> Any:
    class Kelvin(Celsius):
        pass

    def convert(value: Any, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Any:
        return tf.constant(value.degrees + 273.0, dtype or tf.float32)

    tf.register_tensor_conversion_function(Kelvin, convert)
    return [tf.add(Kelvin(1.0), 2.0), tf.convert_to_tensor(Kelvin(2.0))]


def protos(tf: Any) -> Any:
    made = [
        tf.make_tensor_proto([[1.5, 2.0]], dtype=tf.float64),
        tf.make_tensor_proto(["a", "bé"]),
        tf.make_tensor_proto(7, shape=[2, 2]),
        tf.make_tensor_proto(np.arange(6, dtype=np.int16).reshape(2, 3)),
        tf.make_tensor_proto([True, False]),
        tf.make_tensor_proto(np.float16([1.5, 2.5])),
    ]
    return [tf.constant(tf.make_ndarray(proto)) for proto in made] + [tf.constant([p.dtype for p in made])]


def first_gradients(tf: Any, x: Any) -> Any:
    if tf.executing_eagerly():
        return tf.function(lambda a: first_gradients(tf, a))(x)
    y = tf.sin(x) * x
    z = tf.stop_gradient(x) * 2.0
    first = tf.gradients([y, tf.exp(x)], [x], grad_ys=[tf.ones_like(x), tf.ones_like(x) * 0.5])[0]
    second = tf.gradients(first, x)[0]
    cut = tf.gradients(y * y, x, stop_gradients=[y])
    none = tf.gradients(z, x, unconnected_gradients="zero")[0]
    vector = x[0]
    hessian = tf.hessians(tf.reduce_sum(vector**3) * vector[0], vector)[0]
    return [first, second, none, hessian, tf.constant(cut[0] is None)]


def specs(tf: Any) -> Any:
    a = tf.DeviceSpec(job="worker", replica=0, task=3, device_type="gpu", device_index=1)
    b = tf.DeviceSpec.from_string("/job:ps/CPU:*")
    texts = [a.to_string(), b.to_string(), a.make_merged_spec(b).to_string(), b.replace(device_index=4).to_string()]
    texts += [
        tf.DeviceSpec.from_string("/replica:0/task:1/device:TPU:2").to_string(),
        str(a == tf.DeviceSpec.from_string(a.to_string())),
    ]
    return tf.constant([*texts, str(a.device_type), str(b.device_index)])


def value_specs(tf: Any, x: Any) -> Any:
    found = [tf.type_spec_from_value(v) for v in (x, 3, [1.0, 2.0], np.zeros((2, 1), np.int16), tf.ragged.constant([[1], [2, 3]]))]
    kinds = [type(spec).__name__ for spec in found]
    return [tf.constant(kinds), tf.constant([str(s.shape) for s in found]), tf.constant([s.dtype.name for s in found])]


def sections(tf: Any) -> Any:
    section, v = tf.CriticalSection(), tf.Variable(0)
    section.execute(lambda: v.assign_add(2))
    return section.execute(lambda: v + 1)


def settings(tf: Any) -> Any:
    config = tf.config
    (cpu,) = config.list_physical_devices("CPU")
    config.experimental.enable_tensor_float_32_execution(False)
    off = config.experimental.tensor_float_32_execution_enabled()
    config.experimental.enable_tensor_float_32_execution(True)
    told = [
        cpu.name,
        config.list_logical_devices("CPU")[0].name,
        off,
        config.experimental.tensor_float_32_execution_enabled(),
        config.threading.get_inter_op_parallelism_threads(),
        config.get_visible_devices("CPU") == [cpu],
        config.experimental.get_device_details(cpu),
        config.experimental.get_synchronous_execution(),
        config.get_logical_device_configuration(cpu),
        config.functions_run_eagerly(),
        tf.get_logger() is logging.getLogger("tensorflow"),
        tf.version.VERSION,
        tf.version.GRAPH_DEF_VERSION,
        tf.sysconfig.get_build_info()["is_rocm_build"],
        isinstance(tf.function(lambda: 1), tf.types.experimental.GenericFunction),
        isinstance(tf.function(lambda: 1).get_concrete_function(), tf.types.experimental.ConcreteFunction),
    ]
    return tf.constant([str(item) for item in told])


CASES = {
    "conversion": case(converted, in_function=False),
    "conversion-no-class": case(lambda tf: tf.register_tensor_conversion_function(3, lambda v: v), in_function=False),
    "conversion-of-int": case(lambda tf: tf.register_tensor_conversion_function(int, lambda v: v), in_function=False),
    "protos": case(protos, in_function=False),
    "proto-shape": case(lambda tf: tf.make_tensor_proto([1, 2], shape=[3], verify_shape=True), in_function=False),
    "gradients": case(first_gradients, X, gradient=False, tolerance=1e-4),
    "device-specs": case(specs, in_function=False),
    "device-spec-bad": case(lambda tf: tf.DeviceSpec.from_string("/where:3"), in_function=False),
    "value-specs": case(value_specs, X, in_function=False, gradient=False),
    "value-spec-none": case(lambda tf: tf.type_spec_from_value(object()), in_function=False),
    "critical-section": case(sections, in_function=False),
    "settings": case(settings, in_function=False),
    "growth-of-cpu": case(
        lambda tf: tf.config.experimental.set_memory_growth(tf.config.list_physical_devices("CPU")[0], True), in_function=False
    ),
    "unknown-visible": case(
        lambda tf: tf.config.set_visible_devices([tf.config.PhysicalDevice("/physical_device:CPU:7", "CPU")], "CPU"),
        in_function=False,
    ),
    "is-symbolic": case(lambda tf, x: tf.constant(tf.is_symbolic_tensor(x + 1.0)), X, gradient=False, in_function=False),
    "timestamp": case(lambda tf: tf.timestamp() > 1.7e9),
    "fingerprint": case(lambda tf: [tf.fingerprint(tf.constant([[1, 2], [3, 4]])), tf.fingerprint(tf.constant(["a", "bc"]))]),
    "fingerprint-strings": case(lambda tf: tf.fingerprint(tf.constant([["a", "b"], ["c", "d"]]))),
    "fingerprint-scalar": case(lambda tf: tf.fingerprint(tf.constant(1)), in_function=False),
    "histogram-bins": case(lambda tf, x: tf.histogram_fixed_width_bins(x * 3.0, [-2.0, 2.0], nbins=7), X, gradient=False),
    "approx-max": case(lambda tf, x: tuple(tf.math.approx_max_k(x, 2)), X),
    "bessel-j": case(lambda tf, x: [tf.math.special.bessel_j0(x), tf.math.special.bessel_j1(x)], POSITIVE, tolerance=1e-6),
    "bessel-y": case(lambda tf, x: [tf.math.special.bessel_y0(x), tf.math.special.bessel_y1(x)], POSITIVE, tolerance=1e-6),
    "bessel-k": case(lambda tf, x: [tf.math.special.bessel_k0(x), tf.math.special.bessel_k1(x)], POSITIVE, tolerance=1e-6),
    "bessel-ke": case(lambda tf, x: [tf.math.special.bessel_k0e(x), tf.math.special.bessel_k1e(x)], POSITIVE, tolerance=1e-6),
    "bessel-at-zero": case(lambda tf, x: [tf.math.special.bessel_j1(x), tf.math.special.bessel_j0(x)], np.zeros(2)),
    "dawson-fresnel": case(
        lambda tf, x: [tf.math.special.dawsn(x), tf.math.special.fresnel_cos(x), tf.math.special.fresnel_sin(x)],
        X,
        tolerance=2e-5,
    ),
    "bessel-half": case(lambda tf: tf.math.special.bessel_j0(tf.constant([0.5, 2.0], tf.float16)), tolerance=1e-3),
    "sparse-segments": case(
        lambda tf, x: [
            tf.sparse.segment_sum(x, [0, 2, 2], [0, 0, 2]),
            tf.sparse.segment_mean(x, tf.constant([0, 2, 1]), tf.constant([0, 0, 1])),
            tf.sparse.segment_sqrt_n(x, [0, 2, 1], [0, 0, 1], num_segments=3),
            tf.sparse.segment_sum(x, [0, 1], [0, 2], num_segments=4),
        ],
        X,
    ),
    "unicode-offsets": case(
        lambda tf: [
            *tf.strings.unicode_decode_with_offsets("aé€", "UTF-8"),
            *(r.to_tensor() for r in tf.strings.unicode_decode_with_offsets(["é", "abc", ""], "UTF-8")),
            *(r.to_tensor() for r in tf.strings.unicode_split_with_offsets(["é", "abc"], input_encoding="UTF-8")),
        ]
    ),
    "dynamic-partitions": case(
        lambda tf, x: [
            tf.ragged.stack_dynamic_partitions(x, [2, 0, 2], 4).to_tensor(),
            tf.ragged.stack_dynamic_partitions(x, tf.constant([[0, 1, 0, 1]] * 3), 3).to_tensor(),
            tf.ragged.stack_dynamic_partitions(tf.ragged.constant([[1], [2, 3]]), [1, 0], 2).to_tensor(),
            tf.ragged.stack_dynamic_partitions(tf.constant(5), tf.constant(1), 2).to_tensor(),
        ],
        X,
    ),
    "atrous-transposed": case(
        lambda tf, x: [
            tf.nn.atrous_conv2d_transpose(x, tf.ones([2, 2, 3, 2]), [1, 5, 5, 3], 2, "SAME"),
            tf.nn.atrous_conv2d_transpose(x, tf.ones([2, 2, 3, 2]), [1, 7, 7, 3], rate=2, padding="VALID"),
        ],
        R.standard_normal((1, 5, 5, 2)).astype(np.float32),
    ),
    "aggregation": case(lambda tf: tf.constant([tf.AggregationMethod.DEFAULT, tf.AggregationMethod.EXPERIMENTAL_TREE])),
    "xla": case(lambda tf, x: tf.xla.experimental.compile(lambda a: a * 2.0, [x]), X, in_function=False, gradient=False),
}
