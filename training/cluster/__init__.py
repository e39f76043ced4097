"""Several processes, on one machine or many, that train one model together.

`tf_config` says which processes there are. They wait for each other in `meeting`.
`shared_run` lets the chief alone write the run. `values` shows to each what all have
computed. `local_workers` starts them all on one machine.
"""
