event-snapshot-taken = Snapshot { $snapshot } was taken ({ $why }).
event-snapshot-failed = A snapshot could not be taken ({ $result }); the data are as they were, it is tried again.
event-snapshot-thrown-away = Snapshot { $snapshot } was thrown away ({ $why }).
event-snapshots-thinned = The data disk fills: { $count ->
    [one] one snapshot went
   *[other] { $count } snapshots went
} before their time; { $free_mb } MB are free now.
event-proof-good = Snapshot { $snapshot } was proven in { $seconds } s ({ $depth ->
    [full] every table read
   *[other] quick
}).
event-proof-bad = Snapshot { $snapshot } failed its proof: { $reason } It is kept as evidence.
reason-scheduled = by the schedule
reason-before-restore = before a restore
reason-before-update = before an update
reason-imported = from elsewhere
reason-unreadable = it could not be read
alarm-snapshots-none = No snapshot was taken in { $hours } hours of uptime. What is entered now could not be brought back. See posto events and call support.
alarm-snapshots-unproven = No snapshot was proven in { $hours } hours of uptime: nobody knows whether they could be restored. See posto events and call support.
alarm-snapshot-bad = Snapshot { $snapshot } failed its proof: it could not be restored, and the database itself may be harmed. It is kept; do not throw it away. Call support (posto snapshot show { $snapshot }).
status-snapshot = { $snapshot }, { $age } old, { $proof }
status-snapshot-proven = newest proven: { $snapshot }
status-snapshot-none = none yet
console-snapshot = Snapshot: { $words }
snapshot-age-minutes = { $count } min
snapshot-age-hours = { $count } h
snapshot-age-days = { $count } days
snapshot-proof-not = not proven yet
snapshot-proof-quick = proven
snapshot-proof-full = proven in full
snapshot-proof-bad = BAD
snapshot-reason-scheduled = schedule
snapshot-reason-by-hand = by hand: { $text }
snapshot-reason-before-restore = before the restore of { $snapshot }
snapshot-reason-before-update = before the update to { $release }
snapshot-reason-imported = { $snapshot } of { $facility }
snapshot-reason-other = of a later release
snapshot-list-none = No snapshots yet. The box takes them by itself; 'posto snapshot take' takes one now.
snapshot-list-undescribed = snapshot { $snapshot } is there, but cannot be described: { $reason }
snapshot-head-id = no.
snapshot-head-time = time
snapshot-head-age = age
snapshot-head-proof = proof
snapshot-head-rows = rows
snapshot-head-apparent = size
snapshot-head-exclusive = alone
snapshot-head-reason = reason
snapshot-method-hot-clone = while the clinic worked
snapshot-method-freeze = with the database frozen (it did not answer)
snapshot-method-stopped = with the database stopped
snapshot-show-method = taken
snapshot-show-held = commits held
snapshot-show-facility = facility
snapshot-show-release = release
snapshot-show-database = database
snapshot-show-schema = change sets
snapshot-show-lacks = not in the copy
snapshot-show-good = { $time }: good ({ $depth ->
    [full] every table read
   *[other] quick
}, { $tables } tables, { $seconds } s)
snapshot-show-bad = { $time }: BAD ({ $depth ->
    [full] every table read
   *[other] quick
}, { $tables } tables, { $seconds } s): { $reason }
snapshot-show-fell = { $table } had { $before } rows, now { $now }
event-table-rebuilt = Table { $table } lay in { $before } pieces and was written anew in { $seconds } s; it lies in { $after } now.
event-table-rebuild-gave-way = Table { $table } was not written anew: { $why }. It is as it was; another night comes.
event-table-rebuild-refused = Table { $table } cannot be written anew while the clinic works: { $reason } It is as it was.
reason-table-in-use = somebody was using it
reason-stopped = the work was stopped
reason-memory-short = memory was short
reason-disk-fills = the data disk was filling
reason-quiet-time-over = the quiet time was over
reason-takes-too-long = it took too long beside the work of the clinic
