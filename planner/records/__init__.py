"""Records: what is written down, frozen and named by its content.

Verdicts, decisions and what people decided; runs, jobs and their outcomes; the entries of a journal. The
same content has the same id on every machine and in every version.

Public names: ``Verdict``, ``Decision``, ``Override``, ``Run``.
Never imports: whatever reads them: evidence, judging, stores.
"""
