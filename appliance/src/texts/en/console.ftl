console-facility = Facility: { $name } ({ $id })
console-release = Release: { $release }
console-stand-in = STAND-IN application for tests: this is NOT OpenMRS
console-open = Open in the browser:
console-no-address = No network address yet. Is the cable plugged in?
console-admin = First login: user admin, password { $password }
console-admin-change = Change this password after the first login.
console-alarm = ALARM { $code }
