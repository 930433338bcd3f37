"""Windows of bars with a labelled span, and four tasks on them: the parts of ``span_multitask``.

``generator.generate`` and ``files.read_windows`` give ``windows.Windows``; ``tasks`` (``Targets``,
``Objective``) says what is learnt of them and ``kendall.Uncertainty`` with which weight; ``net.SpanNet`` is
trained by ``pretraining.pretrain`` and ``training.Training``; ``metrics`` measures spans, ``proxies``
guesses them from prices, ``artifacts`` writes the files. ``config.Config`` says what an arm may set. Imports
the parts that studies share, and never another study, the planner or MLflow.
"""
