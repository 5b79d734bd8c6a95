"""One convolutional network, written four times: NumPy, Keras, PyTorch, TensorFlow.

Read the classes side by side: the same six methods in the same order, the same names,
and the same four phases in `train_step`. A batch is `x, y` with weights `w` that
average 1; all the training images are `X, y, w`. What is the same for all four is in
`frameworks/`: the network's sizes in `cnn.py`, and in `base.py` checking inputs,
drawing weights, batches, history, saving.

The margin gives the shape that a line makes, in the framework's own layout: n images,
h rows, w columns, c channels; f filters; h' and w' are what the window leaves.
"""

import re
from collections import OrderedDict
from math import prod

import numpy as np

from frameworks import engines, muon
from frameworks.base import ImageClassifier
from frameworks.cnn import CNN
from frameworks.floatx import floatx
from frameworks.layers import (
    Conv2D,
    Dense,
    Flatten,
    Identity,
    MaxPool2D,
    ReLU,
    Sequential,
)
from frameworks.lazy import keras, nn, tf, torch
from frameworks.loss import cross_entropy
from frameworks.optim import SGD
from frameworks.variables import Variables, conv2d, dense
from frameworks.weights import decays, full_name, is_depthwise, is_trained, unique


class Skylark_CNN(CNN, ImageClassifier):
    """NumPy alone: the layers, the loss and the optimiser are in `frameworks/`.

    `engine` is "fast", "plain" (the layers as one reads them) or "loops" (one image at
    a time); `n_jobs` trains "fast" in so many processes. None: on threads, or in
    processes where a deep network sees many images.
    """

    framework = "numpy"
    _parameter_constraints = engines.CONSTRAINTS

    def __init__(self, *, engine="fast", n_jobs=None, **params):
        super().__init__(**params)
        self.engine = engine
        self.n_jobs = n_jobs

    def network(self):
        activation = ReLU if self.activation_ else Identity
        net = {}
        for i, b in enumerate(self.conv_blocks(), 1):  # (c, h, w, n)
            conv = Conv2D(b.channels, b.filters, b.kernel, self.dtype_, needs_dx=i > 1)
            net[f"conv{i}"] = Sequential(conv, activation())  # (f, h', w', n)
            net[f"pool{i}"] = MaxPool2D(b.pool)  # (f, h'/2, w'/2, n)
        net["flatten"] = Flatten()  # (h w f, n)
        inputs = prod(self.flat_shape())
        for i, units in enumerate(self.hidden_units_, 1):
            linear = Dense(inputs, units, self.dtype_)
            net[f"dense{i}"] = Sequential(linear, activation())  # (units, n)
            inputs = units
        net["output"] = Dense(inputs, len(self.classes_), self.dtype_)  # (classes, n)
        return Sequential(**net)

    def build(self):
        self.layers_ = self.network()
        self.net_ = engines.start(
            self.engine_, self.layers_, self.image_shape_, self.n_jobs_
        )
        self.optimizer_ = muon.optimizer(self, SGD)(
            self.layers_.weighted().values(),
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
        )

    def forward(self, x, layer="output", training=False):
        return self.net_.forward(x, layer, training)  # (n, h, w, c) -> (classes, n)

    def train_step(self, x, y, w):
        # forward
        logits = self.forward(x, training=True)
        # loss
        loss, dlogits = cross_entropy(logits, y, w, self.label_smoothing)
        # backward
        self.net_.backward(dlogits)
        # update
        self.optimizer_.step()
        return loss, np.mean(logits.argmax(0) == y)

    def fit_loop(self, X, y, w, epochs):
        with engines.training(self.net_, images=len(y) * len(epochs)):
            for epoch in epochs:
                for batch, rate in self.steps(X, y, w, epoch):
                    self.optimizer_.learning_rate = rate
                    loss, accuracy = self.train_step(*batch)
                    self.record(loss, accuracy, images=len(batch[1]))
                if self.end_epoch():
                    break

    def predict_logits(self, x, layer="output"):
        out = self.forward(x, layer)
        return out.swapaxes(0, -1)  # (c, h, w, n) -> (n, h, w, c)

    def get_weights(self):
        return {name: w.copy() for name, w in self.layers_.weights().items()}

    def set_weights(self, weights):
        weights = self.check_weights(weights)
        for name, weight in self.layers_.weights().items():
            weight[:] = weights[name]


class Keras_CNN(CNN, ImageClassifier):
    """Keras, as its guides use it: layers, `compile`, `fit`."""

    framework = "keras"

    def network(self):
        layers, options = keras.layers, {"activation": self.activation_}
        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        for i, b in enumerate(self.conv_blocks(), 1):
            conv = layers.Conv2D(b.filters, b.kernel, name=f"conv{i}", **options)
            x = conv(x)  # (n, h', w', f)
            x = layers.MaxPool2D(b.pool, name=f"pool{i}")(x)  # (n, h'/2, w'/2, f)
        x = layers.Flatten()(x)  # (n, h w f)
        for i, units in enumerate(self.hidden_units_, 1):
            x = layers.Dense(units, name=f"dense{i}", **options)(x)  # (n, units)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)

    def build(self):
        options = {"from_logits": True, "label_smoothing": self.label_smoothing}
        with floatx(self.dtype_):
            self.net_ = self.network()
            if self.weight_decay:  # Keras's own L2 would round the factor to float32
                half = self.weight_decay / 2
                for weight in self.net_.trainable_weights:
                    if decays(weight.name):
                        weight.regularizer = lambda k: half * keras.ops.sum(k * k)
            self.net_.compile(
                muon.optimizer(self, keras.optimizers.SGD)(
                    self.learning_rate,
                    np.float64(self.momentum),  # it would round a Python float
                    nesterov=self.nesterov,
                ),
                keras.losses.CategoricalCrossentropy(**options),
                metrics=[keras.metrics.CategoricalAccuracy("accuracy")],
                # Keras's own "loss" includes the decay
                weighted_metrics=[keras.metrics.CategoricalCrossentropy(**options)],
                # Python is called once in 32 steps, where the backend can do that
                steps_per_execution=1 if keras.config.backend() == "torch" else 32,
                jit_compile=False,  # XLA is slower for convolutions on a CPU
            )
            # Otherwise the first step is traced twice: once to make the velocities
            self.net_.optimizer.build(self.net_.trainable_variables)
        # "stage1-block1-norm1/moving_mean" -> "stage1.block1.norm1.mean"
        self.weights_ = unique(
            (re.sub("/(moving_)?|-", ".", weight.path), weight)
            for weight in self.net_.weights
        )

    def forward(self, x, layer="output", training=False):
        end = self.net_.get_layer(layer.replace(".", "-"))
        return keras.Model(self.net_.input, end.output)(x, training=training)

    # No train_step: `compile` has put it together.

    def fit_loop(self, X, y, w, epochs):
        class Batches(keras.utils.PyDataset):
            batches = self.batches(X, y, w, self.n_iter_)

            def on_epoch_begin(data):
                Batches.batches = self.batches(X, y, w, self.n_iter_)

            def __len__(data):
                return len(data.batches)

            def __getitem__(data, index):
                x, y, w = data.batches[index]
                return x, keras.utils.to_categorical(y, len(self.classes_)), w

        def on_epoch_end(epoch, logs):
            self.record(
                logs["categorical_crossentropy"], logs["accuracy"], images=len(X)
            )
            self.net_.stop_training = self.end_epoch()

        optimizer = self.net_.optimizer
        with floatx(self.dtype_):
            if self.schedule != "constant" or self.warmup:
                rates = [self.rates(epoch) for epoch in epochs]
                rates = np.append(rates, 0.0)  # Keras reads one after the last step
                steps, first = optimizer.iterations, int(optimizer.iterations)
                optimizer.learning_rate = lambda: keras.ops.take(rates, steps - first)
                self.net_.train_function = None  # is compiled with the rates in it
            self.net_.fit(
                Batches(),
                initial_epoch=epochs.start,
                epochs=epochs.stop,
                shuffle=False,
                verbose=0,
                callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)],
            )
            # TensorFlow never lets go of Batches: it would keep images and network
            self = X = y = w = Batches.batches = None

    def predict_logits(self, x, layer="output"):
        if layer == "output":
            return self.net_.predict_on_batch(x)
        return keras.ops.convert_to_numpy(self.forward(x, layer))

    def get_weights(self):
        return {name: weight.numpy() for name, weight in self.weights_.items()}

    def set_weights(self, weights):
        for name, weight in self.check_weights(weights).items():
            self.weights_[name].assign(weight)


class Torch_CNN(CNN, ImageClassifier):
    """PyTorch: an `nn.Sequential`, autograd, and a loop of one's own."""

    framework = "torch"

    def network(self):
        class ChannelsLast(nn.Module):  # PyTorch's own order of flattening is f, h, w
            def forward(self, x):
                return x.permute(0, 2, 3, 1)

        activation = nn.ReLU if self.activation_ else nn.Identity
        net = OrderedDict()
        for i, b in enumerate(self.conv_blocks(), 1):  # (n, c, h, w)
            conv = nn.Conv2d(b.channels, b.filters, b.kernel)
            net[f"conv{i}"] = nn.Sequential(conv, activation())  # (n, f, h', w')
            net[f"pool{i}"] = nn.MaxPool2d(b.pool)  # (n, f, h'/2, w'/2)
        net["to_hwc"] = ChannelsLast()  # (n, h, w, f)
        net["flatten"] = nn.Flatten()  # (n, h w f)
        inputs = prod(self.flat_shape())
        for i, units in enumerate(self.hidden_units_, 1):
            linear = nn.Linear(inputs, units)
            net[f"dense{i}"] = nn.Sequential(linear, activation())  # (n, units)
            inputs = units
        net["output"] = nn.Linear(inputs, len(self.classes_))  # (n, classes)
        return nn.Sequential(net)

    def build(self):
        net, dtype = self.network(), getattr(torch, self.dtype_)
        self.net_ = net.to(self.device_, dtype, memory_format=torch.channels_last)
        norm = {"weight": "gamma", "bias": "beta"}
        norm |= {"running_mean": "mean", "running_var": "variance"}
        named = []
        for path, module in self.net_.named_modules():
            roles = norm if isinstance(module, nn.BatchNorm2d) else {"weight": "kernel"}
            own = module.named_parameters(recurse=False)
            for attribute, tensor in [*own, *module.named_buffers(recurse=False)]:
                if attribute != "num_batches_tracked":
                    name = full_name(f"{path}.{roles.get(attribute, attribute)}")
                    view = tensor.detach()
                    if view.ndim > 1:  # a kernel: (f, c, ..) -> (.., c, f)
                        ends = (-2, -1) if is_depthwise(name) else (-1, -2)
                        view = view.movedim((0, 1), ends)
                    named.append((name, view))
        self.weights_ = unique(named)
        kernels = [p for p in self.net_.parameters() if p.ndim > 1]
        others = [p for p in self.net_.parameters() if p.ndim == 1]
        self.optimizer_ = muon.optimizer(self, torch.optim.SGD)(
            [
                {"params": kernels, "weight_decay": self.weight_decay},
                {"params": others},
            ],
            lr=self.learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov and self.momentum > 0,
        )

    def forward(self, x, layer="output", training=False):
        if self.net_.training != training:
            self.net_.train(training)
        x, net = x.permute(0, 3, 1, 2), self.net_  # (n, h, w, c) -> (n, c, h, w)
        for part in layer.split("."):  # "stage1.block2": what is before it, then itself
            for name, module in net.named_children():
                if name == part:
                    break
                x = module(x)
            net = module
        return net(x)

    def train_step(self, x, y, w):
        # forward
        logits = self.forward(x, training=True)
        # loss
        options = {"reduction": "none", "label_smoothing": self.label_smoothing}
        losses = nn.functional.cross_entropy(logits, y, **options)
        loss = (losses * w).mean()
        # backward
        self.optimizer_.zero_grad()
        loss.backward()
        # update
        self.optimizer_.step()
        return loss.detach(), (logits.argmax(1) == y).double().mean()

    def fit_loop(self, X, y, w, epochs):
        for epoch in epochs:
            for batch, rate in self.steps(X, y, w, epoch):
                for group in self.optimizer_.param_groups:
                    before, group["lr"] = group["lr"], rate
                if self.momentum and rate != before:  # PyTorch's own v is free of it
                    for state in self.optimizer_.state.values():
                        state["momentum_buffer"] *= before / rate
                tensors = [torch.from_numpy(array).to(self.device_) for array in batch]
                loss, accuracy = self.train_step(*tensors)
                self.record(loss, accuracy, images=len(batch[1]))
            if self.end_epoch():
                break

    def predict_logits(self, x, layer="output"):
        with torch.inference_mode():
            out = self.forward(torch.from_numpy(x).to(self.device_), layer)
        return out.movedim(1, -1).numpy(force=True)  # (n, c, h, w) -> (n, h, w, c)

    def get_weights(self):
        return {n: view.numpy(force=True).copy() for n, view in self.weights_.items()}

    def set_weights(self, weights):
        for name, weight in self.check_weights(weights).items():
            self.weights_[name].copy_(torch.from_numpy(weight))


class TF_CNN(CNN, ImageClassifier):
    """TensorFlow without Keras: variables, `tf.nn`, a tape, and a loop of one's own."""

    framework = "tensorflow"

    def network(self, x, training):
        v, activation = self.variables_, tf.nn.relu if self.activation_ else tf.identity
        for i, b in enumerate(self.conv_blocks(), 1):  # (n, h, w, c)
            x = activation(conv2d(v, x, f"conv{i}", b.filters, b.kernel))
            yield f"conv{i}", x  # (n, h', w', f)
            x = tf.nn.max_pool2d(x, b.pool, b.pool, "VALID")
            yield f"pool{i}", x  # (n, h'/2, w'/2, f)
        x = tf.reshape(x, (-1, prod(self.flat_shape())))  # (n, h w f)
        for i, units in enumerate(self.hidden_units_, 1):
            x = activation(dense(v, x, f"dense{i}", units))
            yield f"dense{i}", x  # (n, units)
        yield "output", dense(v, x, "output", len(self.classes_))  # (n, classes)

    def build(self):
        self.variables_ = Variables(self.dtype_)
        image = tf.zeros((1, *self.image_shape_), self.dtype_)
        with self.variables_.made():
            for _ in self.network(image, training=False):
                pass
        self.trained_ = {n: v for n, v in self.variables_.items() if is_trained(n)}
        self.velocities_ = {
            name: tf.Variable(tf.zeros_like(weight))
            for name, weight in self.trained_.items()
        }
        # For batches of any length; no `if` or loop depends on a tensor
        x = tf.TensorSpec((None, *self.image_shape_), self.dtype_)
        y, w = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], self.dtype_)
        step = [x, y, w, tf.TensorSpec([], self.dtype_)]
        self.graph_step_ = tf.function(self.train_step, step, autograph=False)
        self.graph_forward_ = tf.function(self.forward, [x], autograph=False)

    def forward(self, x, layer="output", training=False):
        layers = self.network(x, training)
        return next(out for name, out in layers if name == layer)

    def train_step(self, x, y, w, rate):
        with tf.GradientTape() as tape:
            # forward
            logits = self.forward(x, training=True)
            # loss
            spread, classes = self.label_smoothing, len(self.classes_)
            on, off = 1 - spread + spread / classes, spread / classes
            targets = tf.one_hot(y, classes, on, off, dtype=self.dtype_)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses * w)
        # backward
        grads = tape.gradient(loss, self.trained_)
        # update
        for name, weight in self.trained_.items():
            grad, velocity = grads[name], self.velocities_[name]
            if self.weight_decay and decays(name):
                grad += self.weight_decay * weight
            step = rate * grad
            velocity.assign(self.momentum * velocity - step)
            ahead = self.momentum * velocity - step if self.nesterov else velocity
            if self.muon:
                ahead = muon.optimizer(self)(weight, ahead, rate)
            weight.assign_add(ahead)
        correct = tf.argmax(logits, 1) == y
        return loss, tf.reduce_mean(tf.cast(correct, tf.float64))

    def fit_loop(self, X, y, w, epochs):
        for epoch in epochs:
            for batch, rate in self.steps(X, y, w, epoch):
                loss, accuracy = self.graph_step_(*batch, rate)
                self.record(loss, accuracy, images=len(batch[1]))
            if self.end_epoch():
                break

    def predict_logits(self, x, layer="output"):
        if layer == "output":
            return self.graph_forward_(x).numpy()
        return self.forward(tf.constant(x), layer).numpy()  # not a graph for each layer

    def get_weights(self):
        return {name: weight.numpy() for name, weight in self.variables_.items()}

    def set_weights(self, weights):
        for name, weight in self.check_weights(weights).items():
            self.variables_[name].assign(weight)


MODELS = {
    "skylark": Skylark_CNN,
    "keras": Keras_CNN,
    "torch": Torch_CNN,
    "tf": TF_CNN,
}
