"""The contract of all four classes, and what a framework lacks that its class needs.

`base` is the contract, with `family`, `weights`, `batches`, `epochs` and `saving`;
`lazy` and `libraries` know the frameworks. `layers`, `loss`, `optim` and `engines` are
Skylark's, `floatx` is Keras's, `modules` PyTorch's, `variables` TensorFlow's. Nothing
here imports from outside this folder.
"""
