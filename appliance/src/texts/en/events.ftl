event-box-started = Posto began to watch (boot { $boot }).
event-door-opened = The door opened: OpenMRS can be reached.
event-door-shut = The door was shut: { $why }
