event-box-started = A posto começou a vigiar (arranque { $boot }).
event-door-opened = A porta abriu: o OpenMRS está acessível.
event-door-shut = A porta fechou: { $why }
