"""From a corpus of chunk vectors to the rank of each answer: the parts of ``contrastive_retrieval``.

``articles`` (``Corpus``, ``generate``, ``split_windows``) and ``files.load_corpus`` give chunk vectors and
windows; ``retriever`` (``Retriever``, ``training_loss``) predicts the next chunk; ``training.train`` keeps
the weights that validation chose; ``ranking`` searches a bank by brute force; ``evaluation.evaluate`` gives
every metric. ``config.Config`` says what an arm may set. Imports the parts that studies share, and never
another study, the planner or MLflow.
"""
