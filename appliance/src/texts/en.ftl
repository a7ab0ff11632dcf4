# What technicians and clerks read. Same ids and values as pt.ftl (a test compares them).

page-title = OpenMRS
page-starting = The server is starting
page-starting-minutes = Ready in about { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
 }.
page-starting-longer = This takes longer than usual. Please keep the page open.
page-installing = OpenMRS is being installed
page-importing = The database is being replaced by an imported one
page-maintenance = The server is under maintenance
page-progress = { $percent } % done.
page-unavailable = The server is not available at the moment
page-refused = The server needs a technician
page-refused-code = Please call the technician and say: { $code }
page-opens-itself = This page opens OpenMRS by itself as soon as it is ready.

state-serving = OpenMRS is open.
state-starting = OpenMRS is starting (about { $minutes } min).
state-installing = OpenMRS is being installed for the first time (about { $minutes } min).
state-database-away = The database does not answer.
state-unavailable = OpenMRS does not answer properly.
state-maintenance = Maintenance is under way; the door is shut.
state-refused = The database stays down: see the alarm below.
state-unknown = Posto's daemon does not answer.

console-facility = Facility: { $name } ({ $id })
console-release = Release: { $release }
console-stand-in = STAND-IN application for tests: this is NOT OpenMRS
console-open = Open in the browser:
console-no-address = No network address yet. Is the cable plugged in?
console-admin = First login: user admin, password { $password }
console-admin-change = Change this password after the first login.
console-alarm = ALARM { $code }

alarm-facility-file = The settings file /data/posto/facility.toml cannot be used: { $reason }. The image's default settings are in force. Mend the file and restart the box.
alarm-facility-default = The image's default settings cannot be used: { $reason }. Posto's own defaults are in force.
alarm-data-not-mounted = The data partition is not there: { $reason }. Nothing was formatted and no new database was made. Check the disk's cable and health; the data may still be on it.
alarm-data-label = The data partition carries the unknown label '{ $label }'. Nothing was changed. It may belong to another system: do not use this disk before its data are saved.
alarm-first-boot = The first start could not be completed: { $reason }. Nothing half-made is used. Switch the box off and on: the first start begins again from scratch.
alarm-first-boot-full = The first start needs { $needed } MB free on the data disk, and { $free } MB are there. Nothing was made. Use a larger disk.
alarm-database-missing = The database files are missing or incomplete ({ $missing }). No new database was made in their place. Do not reinstall: call support; the data may be recovered or restored.
alarm-stamp-missing = The data partition does not say which release its data belong to. The database stays down so that no data are harmed. Call support.
alarm-stamp-unreadable = The record of which release the data belong to cannot be read: { $reason }. The database stays down so that no data are harmed. Call support.
alarm-release-mismatch = These data belong to release { $stamped }, but release { $running } is running. The database stays down so that no data are harmed. { $why }
alarm-kernel-line = This box was not started by Posto's own boot program ({ $reason }). The database stays down. Restart the box.
alarm-release-unreadable = The running release cannot be told: { $reason }. The database stays down. Restart the box; if this comes back, flash the disk of a new box and move the data.
alarm-staging = Left-overs of an interrupted piece of work could not be put in order: { $reason }. The database stays down so that no data are harmed. Call support.
alarm-openmrs-files-missing = OpenMRS's own files (openmrs-runtime.properties with its encryption key) are missing, while the database is there. OpenMRS stays down. Restore its files from a backup or import again.
alarm-openmrs-prepare = OpenMRS could not be started: { $reason }

why-repair-limit = The boot settings were repaired { $times } times without success.
why-slot-broken = The place of that release (slot { $slot }) cannot be used: { $reason }.
why-no-slot = The data do not say where that release is. Was the disk moved from another box? Put it back, or call support.
why-container = Start the release that belongs to these data.
