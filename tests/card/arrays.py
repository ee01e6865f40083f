"""A stand-in for cupy on the CPU. Like cupy's, its arrays are never converted to NumPy's unless told, and do not take
them as operands.
"""

import operator
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from thinc.api import NumpyOps

from .counts import COUNTS

NUMPY_OPS = NumpyOps()


class ndarray:
    """A NumPy array that is out of NumPy's reach."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: np.ndarray) -> None:
        self.host = host

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __dlpack__(self, **kwargs: Any) -> Any:
        raise BufferError("only the fixture's `from_dlpack` takes an array from the card")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return run(getattr(ufunc, method), *inputs, **kwargs)

    def __array_function__(self, function: Any, kinds: Any, args: Any, kwargs: Any) -> Any:
        return run(function, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in VIEWS:
            return lambda *args, **kwargs: wrap(getattr(self.host, name)(*unwrap(args), **unwrap(kwargs)))
        if name in METHODS:
            return lambda *args, **kwargs: run(getattr(self.host, name), *args, **kwargs)
        if name in PROPERTIES:
            return wrap(getattr(self.host, name)) if name == "T" else getattr(self.host, name)
        raise AttributeError(f"this stand-in for a cupy array has no '{name}'")

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Iterator["ndarray"]:
        return (wrap(row) for row in self.host)

    def __repr__(self) -> str:
        return f"card {self.host!r}"

    def __getitem__(self, key: Any) -> "ndarray":
        key = place(key)
        if any(isinstance(part, np.ndarray) for part in (key if isinstance(key, tuple) else (key,))):
            COUNTS.kernel()
        return wrap(self.host[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        COUNTS.kernel()
        self.host[place(key)] = unwrap(value)

    @property
    def base(self) -> "ndarray | None":
        return None if self.host.base is None or not isinstance(self.host.base, np.ndarray) else ndarray(self.host.base)

    @property
    def data(self) -> types.SimpleNamespace:
        return types.SimpleNamespace(ptr=self.host.ctypes.data)

    def get(self) -> np.ndarray:
        COUNTS.sync()
        return self.host.copy()

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __deepcopy__(self, memo: Any) -> "ndarray":
        return ndarray(self.host.copy())


VIEWS = ("reshape", "ravel", "transpose", "squeeze", "view", "swapaxes")
METHODS = (
    *("all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "dot", "fill", "max", "mean"),
    *("min", "prod", "repeat", "round", "sort", "std", "sum", "take", "var"),
)
PROPERTIES = ("T", "dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides")


def unwrap(value: Any) -> Any:
    """RETURNS: What NumPy computes with. RAISES (TypeError): An array of NumPy's among the operands."""
    if isinstance(value, ndarray):
        return value.host
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, list | tuple):
        return type(value)(map(unwrap, value))
    if isinstance(value, dict):
        return {key: unwrap(item) for key, item in value.items()}
    return value


def wrap(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    if isinstance(value, list | tuple):
        return type(value)(map(wrap, value))
    return value


def run(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """One kernel."""
    COUNTS.kernel()
    return wrap(function(*unwrap(args), **unwrap(kwargs)))


def place(key: Any) -> Any:
    """An index; one from the host is copied to the device, a mask waits for how many it chooses."""
    if isinstance(key, tuple):
        return tuple(map(place, key))
    if isinstance(key, ndarray):
        if key.dtype == bool:
            COUNTS.sync()
        return key.host
    if isinstance(key, np.ndarray | list):
        COUNTS.copy()
        return np.asarray(key)
    return key


def _binary(name: str) -> Callable:
    def compute(self: ndarray, other: Any) -> Any:
        other = unwrap(other)
        COUNTS.kernel()
        result = getattr(self.host, name)(other)
        if name.startswith("__i"):
            self.host = result
            return self
        return wrap(result)

    return compute


def _scalar(convert: Callable) -> Callable:
    return lambda self: convert(self.get())


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"):
    for _prefix in ("", "r", "i"):
        setattr(ndarray, f"__{_prefix}{_name}__", _binary(f"__{_prefix}{_name}__"))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(ndarray, f"__{_name}__", _binary(f"__{_name}__"))
for _name, _unary in (("neg", operator.neg), ("invert", operator.invert), ("abs", operator.abs)):
    setattr(ndarray, f"__{_name}__", lambda self, unary=_unary: run(unary, self))
for _name, _convert in (("bool", bool), ("int", int), ("float", float), ("index", operator.index)):
    setattr(ndarray, f"__{_name}__", _scalar(_convert))


def array(data: Any, dtype: Any = None, copy: bool = True, **kwargs: Any) -> ndarray:
    """From the host, or anew from the device."""
    if isinstance(data, ndarray):
        return run(np.array, data, dtype=dtype, copy=copy)
    COUNTS.copy()
    return ndarray(np.array(data, dtype=dtype))


def asarray(data: Any, dtype: Any = None, **kwargs: Any) -> ndarray:
    if not isinstance(data, ndarray):
        return array(data, dtype)
    return data if dtype is None or data.dtype == np.dtype(dtype) else data.astype(dtype)


def ascontiguousarray(data: Any, dtype: Any = None) -> ndarray:
    data = asarray(data, dtype)
    return data if data.flags["C_CONTIGUOUS"] else run(np.ascontiguousarray, data)


def split(data: ndarray, places: Any, axis: int = 0) -> list[ndarray]:
    """At places known to the host: views."""
    return [wrap(part) for part in np.split(data.host, places, axis)]


def scatter_add(table: ndarray, indices: Any, values: Any) -> None:
    COUNTS.kernel()
    np.add.at(table.host, place(indices), unwrap(values))


def nrm2(data: ndarray) -> ndarray:
    return run(np.linalg.norm, data)


FUNCTIONS = (
    *(
        "abs",
        "any",
        "all",
        "amax",
        "max",
        "min",
        "arange",
        "broadcast_to",
        "clip",
        "concatenate",
        "cumsum",
        "dot",
        "empty",
        "exp",
        "expand_dims",
        "hstack",
    ),
    *("isnan", "log", "matmul", "maximum", "mean", "minimum", "ones", "ones_like", "sqrt", "square", "sum", "tanh"),
    *(
        "vstack",
        "where",
        "zeros",
        "zeros_like",
        "empty_like",
        "full",
        "argmax",
        "repeat",
        "stack",
        "tensordot",
        "outer",
    ),
)
TYPES = ("float16", "float32", "float64", "int32", "int64", "uint8", "uint32", "uint64", "newaxis", "inf")


class Kernels:
    """Thinc's own kernels. They read memory as it lies, so an array must be in one piece; lengths and indices they
    check first, and wait for the answer.
    """

    WAITS = types.MappingProxyType(
        {
            **{f"{back}reduce_{kind}": 2 for back in ("", "backprop_") for kind in ("mean", "sum", "max")},
            **{"seq2col": 2, "backprop_seq2col": 2, "gather_add": 1, "backprop_maxout": 1},
        }
    )

    def __getattr__(self, name: str) -> Callable:
        def kernel(*args: Any, **kwargs: Any) -> Any:
            for value in (*args, *kwargs.values()):
                if isinstance(value, ndarray) and not value.flags["C_CONTIGUOUS"]:
                    raise AssertionError(f"{name} would read an array that is not contiguous as if it were")
            for _ in range(self.WAITS.get(name, 0)):
                COUNTS.sync()
            return run(getattr(NUMPY_OPS, name), *args, **kwargs)

        return kernel


def adam(gradient: Any, rate: Any, one: Any, two: Any, eps: Any, weights: Any, first: Any, second: Any) -> None:
    """Thinc's kernel of that name, in place."""
    COUNTS.kernel()
    g, w, m, v = (unwrap(value) for value in (gradient, weights, first, second))
    m += one * (g - m)
    v += two * (g * g - v)
    w -= rate * m / (np.sqrt(v) + eps)


class Device:
    def __init__(self, number: int = 0) -> None:
        self.id = number

    def use(self) -> None:
        pass

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: Any) -> None:
        pass


def make_module() -> types.ModuleType:
    """RETURNS (ModuleType): What `import cupy` gives."""
    module: Any = types.ModuleType("cupy")
    for name in FUNCTIONS:
        setattr(module, name, lambda *args, function=getattr(np, name), **kwargs: run(function, *args, **kwargs))
    for name in TYPES:
        setattr(module, name, getattr(np, name))
    for function in (ndarray, array, asarray, ascontiguousarray, split):
        setattr(module, function.__name__, function)
    module.linalg = types.SimpleNamespace(norm=lambda *args, **kwargs: run(np.linalg.norm, *args, **kwargs))
    module.random = types.SimpleNamespace(
        seed=np.random.seed, uniform=lambda *args, **kwargs: run(np.random.uniform, *args, **kwargs)
    )
    module.load = lambda path: array(np.load(path))
    module.save = lambda path, data: np.save(path, data.get() if isinstance(data, ndarray) else data)
    module.get_array_module = lambda *args: module if any(isinstance(arg, ndarray) for arg in args) else np
    module.get_default_memory_pool = lambda: types.SimpleNamespace(free_all_blocks=lambda: None)
    module.cuda = types.ModuleType("cupy.cuda")
    module.cuda.device = types.ModuleType("cupy.cuda.device")
    module.cuda.Device = module.cuda.device.Device = Device
    module.cuda.runtime = types.SimpleNamespace(getDeviceCount=lambda: 1, deviceSynchronize=lambda: None)
    module.cublas = types.SimpleNamespace(nrm2=nrm2)
    return module
