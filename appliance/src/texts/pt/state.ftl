state-serving = O OpenMRS está aberto.
state-starting = O OpenMRS está a iniciar (cerca de { $minutes } min).
state-installing = O OpenMRS está a ser instalado pela primeira vez (cerca de { $minutes } min).
state-database-away = A base de dados não responde.
state-unavailable = O OpenMRS não responde correctamente.
state-maintenance = Manutenção em curso; a porta está fechada.
state-refused = A base de dados fica parada: veja o alarme abaixo.
state-unknown = O programa Posto não responde.
