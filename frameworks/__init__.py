"""What a framework gives you, and Skylark has to write; and the contract of all four.

`base` is the contract, `lazy` and `devices` its care for the frameworks; `layers`,
`loss` and `optim` are Skylark's own. Nothing here imports from outside this folder.
"""
