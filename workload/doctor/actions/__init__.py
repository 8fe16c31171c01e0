"""Choose one action for the machine and one for each GPU, from facts and results.

`faults` and `results` find faults, `kinds` and `xids` map them to actions, `decide` chooses the
action of the worst fault, and `history` escalates an action that did not help before.
"""
