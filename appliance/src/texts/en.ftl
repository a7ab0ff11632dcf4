# What technicians and clerks read. Same ids and values as pt.ftl (a test compares them).

page-title = OpenMRS
page-starting = The server is starting
page-starting-minutes = Ready in about { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
 }.
page-starting-longer = This takes longer than usual. Please keep the page open.
page-installing = The server is starting for the first time and installs OpenMRS
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

import-reading = Reading
import-preparing = Preparing a temporary database server
import-loading = Importing
import-counting = Counting rows
import-finishing = Finishing
import-stopping = Exchanging the databases
import-starting = Starting
import-of-table = { $rows } rows, table { $table }
import-ask = The present database will be replaced by { $file } and kept beside it. Continue? (yes/no)
import-answer-yes = yes
import-needs-yes = OpenMRS is installed on this box: say --yes to replace its database without being asked. Nothing was changed.
import-not-wanted = Nothing was changed.
import-unchanged = Nothing was changed: the present database serves as before.
import-summary-dump = Dump: { $file } ({ $format }), { $megabytes } MB unpacked, from server { $server }
import-summary-database = Database: { $database }; { $tables } tables, { $rows } rows; new tables get { $collation }
import-summary-skipped = Left out: the other databases in the dump ({ $names })
import-summary-room = Room: about { $needed } MB needed at most, { $free } MB free
import-summary-would-mend = Would be mended: { $what }
import-summary-mended = Mended: { $what }
import-mend-checksums = Liquibase checksums ({ $count })
import-mend-checksums-blanked = Liquibase checksums blanked
import-mend-lock = migration lock released
import-mend-search = search index made anew
import-mend-definers = owners of triggers and views taken off ({ $count })
import-mend-collations = MySQL 8 collations replaced ({ $count })
import-mend-engines = MyISAM tables made InnoDB ({ $count })
import-mend-accounts = accounts and rights of the old server left out ({ $count })
import-summary-dry = Dry run: nothing was changed.
import-summary-done = The import is done. All rows of the dump are in the new database.
import-summary-kept = The replaced database is kept in { $path }. Remove it when it is no longer needed.
import-summary-migrates = OpenMRS now brings the database up to its version; the page opens by itself when it is ready (posto status).
import-column-table = table
import-column-rows = rows

import-error-read = { $file } cannot be read: { $reason }. Copy it again, or try another USB stick.
import-error-not-a-dump = { $file } is not a database dump: { $what }.
import-not-empty = it is empty
import-not-format = it is { $name }
import-not-utf16 = it is UTF-16 text, as PowerShell's > writes it; make it again with mysqldump --result-file=FILE
import-not-binary = it holds binary data
import-not-packed-twice = it is compressed twice; unpack it once
import-not-statements = it holds no SQL statements
import-error-cut-off = { $file } is cut off: its { $format } data ends in line { $line }{ $after }. Copy it again from the old server and compare the sizes.
import-error-damaged = { $file } is damaged: its { $format } data cannot be unpacked in line { $line }{ $after } ({ $reason }). Copy it again from the old server.
import-error-no-end = { $file } is cut off: it ends in line { $line }{ $after } without mysqldump's last line "-- Dump completed". Make the dump again. If the program that made it writes no such line, say --no-end-mark.
import-error-text = { $file } cannot be read as a dump{ $after }: { $reason }. Most likely it was cut off or changed: copy it again, or make it again with mysqldump.
import-error-statement = { $file }, line { $line }: this does not belong in a dump: { $text }. Make the dump again with mysqldump and its usual options.
import-error-charset = { $file }, line { $line }: its text is in { $charset }, which cannot be read safely. Make the dump again with --default-character-set=utf8mb4.
import-error-no-table = { $file }, line { $line }: rows of the table { $table }, which the dump does not create. Make the dump again without --no-create-info.
import-error-too-many-tables = { $file }, line { $line }: more than { $limit } tables; this is no OpenMRS database.
import-error-not-openmrs = { $file } holds no OpenMRS database: of { $tables } tables none is { $missing }. Was the right database dumped, and all of it?
import-error-several = { $file } holds more than one OpenMRS database: { $names }. Say which one with --database NAME.
import-error-no-database = { $file } holds no database { $name }. It holds: { $names }.
import-error-room = Not enough room on the data disk: about { $needed } MB needed, { $free } MB free. Remove replaced databases that are no longer needed from /data/replaced, or use a larger disk.
import-error-refused = { $file }, line { $line }{ $of }: the database refused a statement: { $reason }. It begins: { $text }. Keep the file and send this message to support.
import-error-rows = The table { $table } has { $found } rows after the import, but the dump holds { $expected }. Keep the file and send this message to support.
import-error-table-missing = The table { $table } of the dump is missing after the import. Keep the file and send this message to support.
import-error-server = The temporary database server failed: { $reason }. Try again; if it fails again, send this message to support.
import-error-busy = Another piece of maintenance is under way (process { $pid }). Wait until it is done and try again.
import-error-maintenance = The maintenance cannot be announced: { $reason }. Restart the box and try again.
import-error-box = { $reason }. Try again; if it fails again, send this message to support.
import-error-not-set-up = { $path } is not there: this box has not been set up, or its data are missing. Look at the box's screen.
import-error-interrupted = Stopped on request.
import-error-after = The new database is in place and whole, but { $reason }. The replaced one is kept in /data/replaced. Restart the box: it goes on by itself.
import-after-table = , after the table { $table }
import-of = , table { $table }
