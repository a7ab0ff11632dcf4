state-serving = OpenMRS is open.
state-starting = OpenMRS is starting (about { $minutes } min).
state-installing = OpenMRS is being installed for the first time (about { $minutes } min).
state-database-away = The database does not answer.
state-unavailable = OpenMRS does not answer properly.
state-maintenance = Maintenance is under way; the door is shut.
state-refused = The database stays down: see the alarm below.
state-unknown = Posto's daemon does not answer.
