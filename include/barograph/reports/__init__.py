"""The daily report: a page of one settled day at one site, with its charts and figures, published with its revision.

data gathers, findings judges, charts draws, page and sheets write, publish puts it on the shelf that catalogue keeps.
"""
