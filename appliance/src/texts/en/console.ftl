console-facility = Facility: { $name } ({ $id })
console-release = Release: { $release }
console-stand-in = STAND-IN application for tests: this is NOT OpenMRS
console-open = Open in the browser:
console-no-address = No network address yet. Is the cable plugged in?
console-admin = First login: user admin, password { $password } (change it after the first login)
console-technician = Technician's code: { $code } (write it down, then choose "noted")
console-alarm = ALARM No. { $number } ({ $code })
menu-status = How the box is
menu-restart = Restart OpenMRS
menu-start = Start OpenMRS
menu-stop = Stop OpenMRS
menu-open-door = Open the door (shut by hand)
menu-close-door = Shut the door
menu-events = What happened lately
menu-language = Português
menu-noted = The technician's code is noted
menu-technician = Technician: SQL, logs, shell (with the code)
menu-restart-box = Restart the whole box
menu-power-off = Switch the box off
menu-sql = SQL (database)
menu-logs-openmrs = Log of OpenMRS
menu-logs-database = Log of the database
menu-logs-posto = Log of Posto
menu-logs-door = Log of the door
menu-shell = Root shell
menu-back = Back
answer-no = No
answer-yes = Yes
ask-restart = Restart OpenMRS? Nobody can work for some minutes. The database goes on; nothing is lost but what is typed and not saved.
ask-start = Start OpenMRS?
ask-stop = Stop OpenMRS? Nobody can work until somebody starts it again here.
ask-open-door = Open the door? The clinic reaches OpenMRS again as soon as it answers.
ask-close-door = Shut the door? Nobody reaches OpenMRS until somebody opens the door here.
ask-noted = Is the technician's code written down and in a safe place? It is not shown again.
ask-restart-box = Restart the whole box? Nobody can work for some minutes. Everything ends in order; nothing is lost.
ask-power-off = Switch the box off? Nobody can work until somebody presses its power button. Everything ends in order; nothing is lost.
screen-status = How the box is
screen-events = What happened lately (the newest first)
screen-no-events = Nothing yet.
screen-reading = Reading...
screen-done = Done
screen-wait = One moment, please...
screen-technician = Technician
screen-technician-care = What is done here is done as root. Each opening is written down. Esc leaves; the code is asked again.
screen-opening-sql = The SQL client is opening...
screen-opening-shell = The shell is opening...
screen-code = Technician's code
screen-code-ask = Type the twelve digits of the technician's code, then Enter. The programme's office knows it, too.
screen-code-wrong = That is not the code. { $left ->
    [one] One attempt is left
   *[other] { $left } attempts are left
 } before a wait.
screen-code-wait = Too many wrong codes. Try again in { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
 }.
screen-logs = Log
screen-hint-menu = Arrows or digits choose, Enter does it
screen-hint-page = Arrows scroll, Enter goes back
screen-hint-back = Enter goes back
screen-hint-ask = Arrows choose, Enter does it, Esc goes back
screen-hint-working = This can take some minutes. Esc goes back; the work goes on
screen-hint-opening = One moment, please...
screen-hint-code = Digits, Backspace, Enter; Esc goes back
screen-hint-logs = q goes back
