# What experiments are made of. Each study has a folder of its own, named like its experiment. What studies
# share lies beside these: `files` reads a user's arrays, `tables` labelled rows, `seeding` gives random
# numbers by purpose, `stages` trains with checkpoints, `watchdog` stops what has become slow, `csv_files`
# writes tables. Nothing shared imports a study; no part imports an experiment, the planner or MLflow.
#
# These are comments and no docstring, because this file counts as code of every experiment that imports
# parts by `from experiments.parts import ...`, and a module with a docstring differs from the empty one that
# it has always been.
