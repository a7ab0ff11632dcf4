event-disk-room = The data disk has room again: { $free_mb } MB free of { $size_mb } MB.
event-disk-low = The data disk is nearly full: { $free_mb } MB free of { $size_mb } MB.
event-disk-full = The data disk is full: { $free_mb } MB free of { $size_mb } MB. OpenMRS is closed in order before the database is caught in the middle of a write.
event-reserve-given = The reserved room was given back so that the database can close in order.
event-clock-jumped = The clock was set from { $from } to { $to } (UTC).
event-clock-wrong = The clock is wrong: it says { $time } (UTC).
event-memory-killed = The system ended { $count ->
    [one] one process
   *[other] { $count } processes
} for want of memory.
event-memory-short = Memory is short ({ $waiting_percent } % of the time spent waiting): background work stands still, the clinic goes on.
event-memory-calm = There is memory again ({ $waiting_percent } % of the time spent waiting): background work goes on.
event-processes-exhausted = { $unit } has as many processes and threads as it may: { $count ->
    [one] one more was refused
   *[other] { $count } more were refused
}.
event-heap-exhausted = OpenMRS's memory was exhausted; what filled it is in { $file }. OpenMRS restarts.
event-heat-normal = The sensor { $sensor } is back to normal: { $degrees } °C.
event-heat-hot = The box is hot: { $degrees } °C at the sensor { $sensor }.
event-heat-critical = The box is too hot: { $degrees } °C at the sensor { $sensor }.
event-disk-failing = The disk { $disk } announces that it will fail.
event-disk-worn = The disk { $disk } shows wear: { $sign ->
    [wear-unreadable] sectors that cannot be read: { $figure }
    [wear-replaced] replaced sectors: { $figure }
   *[wear-endurance] life used: { $figure } %
}.
event-ups-online = The UPS has mains power again.
event-ups-on-battery = The mains are gone: the box runs on the UPS's battery.
event-ups-silent = The UPS does not answer.
event-ups-replace-battery = The UPS asks for a new battery.
event-ups-battery-low = The UPS's battery is nearly empty: the box switches itself off in order.
event-boot-begun = The box started (start { $boot }; without an orderly end so far: { $unclean }).
event-database-mended = The database did not start at first: a power cut during its last stop had left { $transactions ->
    [one] a change
   *[other] { $transactions } changes
} half-way. Its journal decides now, as after any power cut; nothing that was saved is lost.
event-unclean-end = Last time the box was not switched off in order (a power cut?); this happened { $unclean ->
    [one] once
   *[other] { $unclean } times
} in { $begun } starts.
alarm-disk-low = The data disk is nearly full: { $free } MB free of { $size } MB. Call support. What earlier imports replaced (/data/replaced) takes { $replaced } MB and is never removed by itself.
alarm-disk-full = The data disk is full: { $free } MB free of { $size } MB. OpenMRS stays closed so that no data are harmed, and opens by itself when there is room. Call support. What earlier imports replaced (/data/replaced) takes { $replaced } MB and is never removed by itself.
alarm-clock-wrong = The box's clock is wrong: it says { $time } (UTC). Dates of new records will be wrong. Connect the box to the network or call support; the board's battery may be empty.
alarm-processes-exhausted = { $unit } has as many processes and threads as it may, so that the rest of the box goes on. If OpenMRS hangs, restart it from the menu; if this comes back, call support.
alarm-heat = The box is too hot: { $degrees } °C at the sensor { $sensor }. Remove the dust, look at the fan, keep it away from walls and the sun.
alarm-disk-failing = The disk { $disk } announces that it will fail. Copy the data now and call support to replace it.
alarm-wear-unreadable = The disk { $disk } has { $figure } sectors that cannot be read. Copy the data and ask for a new disk.
alarm-wear-replaced = The disk { $disk } has already replaced { $figure } bad sectors. Ask for a new disk.
alarm-wear-endurance = The disk { $disk } has used { $figure } % of its life. Ask for a new disk.
alarm-ups-on-battery = The mains are gone: the box runs on the UPS's battery and switches itself off in order before it is empty.
alarm-ups-silent = The UPS does not answer. Look at its cable and its server: without it a power cut switches the box off at once.
alarm-ups-replace-battery = The UPS asks for a new battery: with the old one the box may go off at once.
