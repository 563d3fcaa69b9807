"""Model cards: an agent's measured play, its training and its features, as JSON and as a page to read.

To read: `played` (which levels are asked, what came of them), `legs` and `curve` (the training), `features` (what they
detect: a picture and numbers), `text` (the page), `writing` (all of it put together), `command` (from a shell).
"""
