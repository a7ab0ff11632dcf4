proof-cloning = Cloning the snapshot
proof-recovering = Starting a server on the clone
proof-opening = Opening every table
proof-reading = Reading every page
proof-checking = Checking every table
proof-good = Snapshot { $snapshot } is good ({ $depth ->
    [full] full proof
   *[other] quick proof
 }): its database starts, { $tables } tables of OpenMRS open, nothing that was there at the cut is missing. It took { $seconds } s.
proof-bad = Snapshot { $snapshot } is DAMAGED ({ $depth ->
    [full] full proof
   *[other] quick proof
 }): { $reason }
    It stays as it is; what the server said is beside it in { $log }. Do not restore it; take another snapshot and prove that.
proof-journal = Journal: { $file }, position { $position }
proof-rows = { $table }: { $rows } rows
proof-fell = { $table }: { $now } rows, { $before } at the proof before. OpenMRS does not remove rows by itself: find out who did.
proof-no-room = No verdict: a proof needs { $needed } MB free on the data disk, { $free } MB are. Make room and try again.
proof-no-memory = No verdict: a proof needs { $needed } MB of memory, { $free } MB are available. Try again when the clinic is quiet.
proof-no-program = No verdict: the database server's program { $program } is not there. This is a fault of the release.
proof-busy = No verdict: another proof is under way. Try again when it is done.
proof-interrupted = Stopped on request; no verdict. A full proof goes on later from where it was.
proof-killed = No verdict: the proof's database server was killed ({ $how }), for want of memory or by hand. Try again later.
proof-lack = No verdict: the proof's database server could not work: { $words }. This is not the snapshot's fault.
proof-too-slow = No verdict: the proof's database server did not answer within { $seconds } s. Try again when the disk is quiet.
proof-unknown = There is no snapshot { $snapshot }; 'posto snapshot list' shows them.
proof-not-done = No verdict: { $words }
event-proof-rows-fell = Snapshot { $snapshot } holds { $now } rows of { $table }, the one before { $before }: rows were removed, which OpenMRS does not do by itself.
event-proof-goes-on = The full proof of snapshot { $snapshot } goes on later ({ $done } of { $tables } tables done).
