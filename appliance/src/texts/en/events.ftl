event-box-started = Posto began to watch (boot { $boot }).
event-door-opened = The door opened: OpenMRS can be reached.
event-door-shut = The door was shut: { $why }
event-installation-begun = The first installation of OpenMRS was set off.
event-installation-done = The first installation of OpenMRS is done.
event-start-learned = OpenMRS took { $seconds } s to start; posto remembers it.
event-admin-password-forgotten = The admin password was changed; the one made at first boot is forgotten.
event-openmrs-died = { $how ->
    [signal] OpenMRS died of signal { $number }
    [core] OpenMRS died of signal { $number }
    [exit] OpenMRS ended with code { $number }
   *[other] OpenMRS did not come up
 }; systemd starts it again ({ $result }).
event-database-died = { $how ->
    [signal] The database died of signal { $number }
    [core] The database died of signal { $number }
    [exit] The database ended with code { $number }
   *[other] The database did not come up
 }; systemd starts it again ({ $result }).
event-openmrs-silent = OpenMRS has not answered well for { $seconds } s.
event-database-silent = The database has not answered well for { $seconds } s.
event-openmrs-continued = OpenMRS was stopped in its tracks and was made to go on.
event-database-continued = The database was stopped in its tracks and was made to go on.
event-openmrs-restarted = OpenMRS is restarted: { $cause }
event-database-restarted = The database is restarted: { $cause }
event-both-restarted = The database and OpenMRS are restarted: { $cause }
event-database-killed = The database did not end and was killed; it recovers by itself.
event-connections-freed = All connections to the database were taken; { $count } sleeping ones were ended.
event-box-rebooting = The box restarts: { $cause }
event-gave-up = Nothing that posto may do helped ({ $cause }); it tries again later.
event-serving-again = The clinic works again, after { $seconds } s.
event-watcher-blind = The watcher says nothing; until it does, posto touches nothing.
event-watcher-sees-again = The watcher sees again.
event-watch-account-made = The watcher's account in the database was made again.
event-modules-missing = Modules of OpenMRS that used to run do not: { $modules }
event-modules-back = The modules of OpenMRS run again.
event-hold-begun = The clinic is taken down in order: { $why }
event-hold-ended = The reason for it is gone; the clinic is started again.
event-ledger-damaged = The record of what was restarted is damaged; everything counts as spent.
event-ledger-unwritable = The record of what was restarted cannot be written; the box does not restart itself.
event-door-opened-by-fallback = The door was opened without posto, which does not watch.
event-posto-began = Posto began to watch.
