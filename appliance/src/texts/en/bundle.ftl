bundle-done = Reference { $reference }: { $file }
bundle-with-words = Figures and states can be read by anybody. Logs are inside for the programme's key alone.
bundle-without-words = Figures and states only: logs may hold names, and the facility file has no programme.age_recipient to encrypt them to.
bundle-not-written = The bundle could not be written; choose another place with --to
event-support-bundle = A support bundle was made: { $reference }.
