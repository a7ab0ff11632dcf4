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
page-restoring = The database is being restored
page-updating = The server is being updated
page-disk-full = The server's disk is full
page-disk-full-detail = Nothing that was saved is lost. Please call the technician.
page-stopped = OpenMRS was stopped by a technician
page-door-closed = Access to OpenMRS was closed by a technician
page-gave-up = OpenMRS does not answer, and the server could not mend it by itself
page-gave-up-detail = Please call the technician and say: supervise-gave-up
