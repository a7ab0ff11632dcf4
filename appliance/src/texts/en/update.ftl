update-asking = Asking what there is
update-fetching = Fetching
update-staging = Writing into the other slot
update-checking = Checking
update-no-stick = No stick labelled POSTOUPDATE is plugged in ('posto-sign stage --to' fills one). Nothing was changed.
update-no-root = This image was built without the publisher's key: it takes no updates. The release engineer must build it with one (posto-image build --trusted-root).
update-running = This box runs { $release }, takes updates: { $updates }, channel { $channel }.
update-unknown = Nobody has answered yet: what there is, is not known.
update-up-to-date = There is nothing newer for this box.
update-offered = Release { $release } is for this box: { $bytes }, of which { $missing } are still to come.
update-offered-whole = Release { $release } is for this box, as a whole (no patch fits what runs): { $bytes }, of which { $missing } are still to come. By stick it costs nothing.
update-waits = Release { $release } is there, and not for this box yet: { update-waiting }.
update-failed = The last try ended early: { update-trouble }. What came is kept; the next try goes on from there.
update-fetching-now = It is being fetched now.
update-fetched = All of it is here.
update-expired = The publisher's lists are past their date ({ $roles }): they may not be the newest. Older releases get in nonetheless never.
update-budget = This month cost { $paid } of { $budget }.
update-done = Release { $release } stands in the other slot, read back and proven. The clinic goes on with the present one until the switch.
update-not-done = No new release stands in the other slot: { update-trouble }. The running one goes on; nothing of the clinic was touched.
update-staging-now = Release { $release } is being written into the other slot.
update-verify-lists = The lists are signed by the publisher. Releases: { $names }
update-verify-whole = { $path }: { $bytes }, whole and as signed
update-verify-not = { $path }: cannot be used here: { $reason }
update-verify-takes = This box would take { $release } ('posto update fetch --stick').
update-verify-takes-none = This box would take none of them: { $why }.
event-update-offered = Release { $release } is for this box: { $mb } MB
event-update-fetched = Release { $release } is here, { $mb } MB; it is verified and written into the other slot next
event-update-not-fetched = Release { $release } could not be fetched to its end: { update-trouble }; what came is kept
event-update-staged = Release { $release } stands in the other slot, proven; { $running } goes on running
event-update-not-staged = No new release was staged: { update-trouble }
update-trouble = { $trouble ->
    [interrupted] it was interrupted
    [nobody-to-ask] nobody to ask: facility.toml names no mirrors ([releases] mirrors) and no stick is there
    [nobody-answers] no mirror or stick brings it now ({ $reason })
    [not-as-signed] what came is not what the publisher signed, and was refused ({ $reason })
    [no-way] the publisher left no patch that fits what runs here ({ $reason })
    [over-budget] the month's megabytes are spent; a stick costs nothing
    [slot-not-free] the other slot may not be touched now ({ $reason })
    [busy] another run is at it
    [here] this box itself: its disk or its files ({ $reason })
   *[other] { $reason }
}
update-waiting = { $waiting ->
    [held] the facility file holds updates
    [paused] its publisher has paused it
    [not-before] its time has not come
    [ring] it goes to other facilities first
    [too-small] this box is too small for it
   *[other] { $why }
}
