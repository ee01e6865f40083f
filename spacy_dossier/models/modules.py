"""PyTorch in models of Thinc: modules with their shim, arrays as tensors and back, and products of matrices."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from thinc.api import ArgsKwargs, Model, NumpyOps, Optimizer, PyTorchShim, torch2xp, xp2torch
from thinc.types import Floats2d

_process = os.getpid()  # that PyTorch's threads belong to


def leave_threads_behind() -> None:
    """Keep `nlp.pipe(n_process=…)` from hanging; to be called before PyTorch computes.

    A forked process inherits the state of OpenMP's pool but not its threads, so the first operation that is shared out
    among them, of an encoder its embeddings, waits for them for ever. One thread a process is what pays there anyway.
    """
    global _process
    if _process != os.getpid():
        torch.set_num_threads(1)
        _process = os.getpid()


@contextlib.contextmanager
def averaged_weights(shim: PyTorchShim, params: dict[Any, Any]) -> Iterator[bool]:
    """Weights of a shim's module that an optimizer averaged (`use_averages`), for a while.

    Thinc's own `use_params` looks for keys that its optimizers do not use, and so changes nothing.

    params (dict): The optimizer's averages, by the keys that it was given: (the shim's id, the parameter's name).
    YIELDS (bool): Whether any weight is another.
    """
    module = shim._model
    parameters = dict(module.named_parameters()) if module is not None else {}
    averaged = {name: params[shim.id, name] for name in parameters if (shim.id, name) in params}
    own = {name: parameters[name].data for name in averaged}
    try:
        for name, weights in averaged.items():
            parameters[name].data = xp2torch(weights, device=own[name].device)
        yield bool(averaged)
    finally:
        for name, weights in own.items():
            parameters[name].data = weights


class ModuleShim(PyTorchShim):
    """A module with a learning rate of its own.

    learn_rate_scale (float): Factor of the optimizer's learning rate.
    """

    learn_rate_scale = 1.0

    def predict(self, inputs: ArgsKwargs) -> Any:
        """As PyTorchShim's, which ends in training mode, so that another thread's pass has dropout; this never does."""
        leave_threads_behind()
        self._model.eval()
        with torch.inference_mode():
            return self._model(*inputs.args, **inputs.kwargs)

    def begin_update(self, inputs: ArgsKwargs) -> Any:
        leave_threads_behind()
        return super().begin_update(inputs)

    def finish_update(self, optimizer: Optimizer) -> None:
        for name, parameter in self._model.named_parameters():
            if parameter.grad is None:
                continue
            key, grad = (self.id, name), torch2xp(parameter.grad)
            updated, _ = optimizer(key, torch2xp(parameter.data), grad, lr_scale=self.learn_rate_scale)
            parameter.data = xp2torch(updated, device=parameter.device)
            parameter.grad = None

    @contextlib.contextmanager
    def use_params(self, params: dict[Any, Any]) -> Iterator[None]:
        """Averaged weights for a while, `averaged_weights`."""
        with averaged_weights(self, params):
            yield


def run_module(
    shim: PyTorchShim, rows: Floats2d, further: tuple[Any, ...], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Run a module between Thinc's arrays and its tensors.

    rows (Floats2d): Its first input, which a gradient flows back to.
    further (tuple): Its other inputs, as it takes them.
    """
    device = shim.device  # not the current thread's default, which is the CPU until it asks for a GPU itself
    vectors = xp2torch(rows, requires_grad=is_train, device=device)
    outputs, backprop_torch = shim(ArgsKwargs(args=(vectors, *further), kwargs={}), is_train)

    def backprop(d_outputs: Floats2d) -> Floats2d:
        gradients = ArgsKwargs(args=((outputs,),), kwargs={"grad_tensors": xp2torch(d_outputs, device=device)})
        return torch2xp(backprop_torch(gradients).args[0])

    return torch2xp(outputs.detach()), backprop


class TorchProductOps(NumpyOps):
    """Thinc's operations on NumPy arrays, with products by PyTorch: in as many threads as it has, in a half to
    a third of the time that BLIS takes.
    """

    def gemm(
        self, x: Floats2d, y: Floats2d, out: Floats2d | None = None, trans1: bool = False, trans2: bool = False
    ) -> Floats2d:
        leave_threads_behind()
        left, right = torch.from_dlpack(x), torch.from_dlpack(y)
        left, right = left.T if trans1 else left, right.T if trans2 else right
        if out is None:
            out = np.empty((left.shape[0], right.shape[1]), dtype=x.dtype)
        torch.mm(left, right, out=torch.from_dlpack(out))
        return out


def multiply_by_torch(model: Model[Any, Any]) -> None:
    """Have the layers of a model on the CPU multiply by PyTorch; on a GPU, where the ops are others, change nothing."""
    ops = TorchProductOps()
    for node in model.walk():
        if type(node.ops) is NumpyOps:
            node.ops = ops
