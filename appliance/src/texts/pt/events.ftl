event-box-started = A posto começou a vigiar (arranque { $boot }).
event-door-opened = A porta abriu: o OpenMRS está acessível.
event-door-shut = A porta fechou: { $why }
event-installation-begun = A primeira instalação do OpenMRS foi posta em marcha.
event-installation-done = A primeira instalação do OpenMRS terminou.
event-start-learned = O arranque do OpenMRS demorou { $seconds } s; a posto lembra-se disso.
event-admin-password-forgotten = A senha do admin foi mudada; a que foi feita no primeiro arranque foi esquecida.
event-openmrs-died = { $how ->
    [signal] O OpenMRS morreu com o sinal { $number }
    [core] O OpenMRS morreu com o sinal { $number }
    [exit] O OpenMRS terminou com o código { $number }
   *[other] O OpenMRS não arrancou
 }; o systemd volta a iniciá-lo ({ $result }).
event-database-died = { $how ->
    [signal] A base de dados morreu com o sinal { $number }
    [core] A base de dados morreu com o sinal { $number }
    [exit] A base de dados terminou com o código { $number }
   *[other] A base de dados não arrancou
 }; o systemd volta a iniciá-la ({ $result }).
event-openmrs-silent = O OpenMRS não responde bem há { $seconds } s.
event-database-silent = A base de dados não responde bem há { $seconds } s.
event-openmrs-continued = O OpenMRS estava suspenso e foi posto a continuar.
event-database-continued = A base de dados estava suspensa e foi posta a continuar.
event-openmrs-restarted = O OpenMRS é reiniciado: { $cause }
event-database-restarted = A base de dados é reiniciada: { $cause }
event-both-restarted = A base de dados e o OpenMRS são reiniciados: { $cause }
event-database-killed = A base de dados não terminava e foi morta; ela recupera sozinha.
event-connections-freed = Todas as ligações à base de dados estavam ocupadas; { $count } adormecidas foram terminadas.
event-box-rebooting = A caixa reinicia: { $cause }
event-gave-up = Nada do que a posto pode fazer ajudou ({ $cause }); volta a tentar mais tarde.
event-serving-again = A clínica volta a trabalhar, depois de { $seconds } s.
event-watcher-blind = O vigia não diz nada; até que diga, a posto não mexe em nada.
event-watcher-sees-again = O vigia voltou a ver.
event-watch-account-made = A conta do vigia na base de dados foi feita de novo.
event-modules-missing = Módulos do OpenMRS que costumavam correr não correm: { $modules }
event-modules-back = Os módulos do OpenMRS voltaram a correr.
event-hold-begun = A clínica é parada em ordem: { $why }
event-hold-ended = A razão da paragem passou; a clínica volta a ser iniciada.
event-ledger-damaged = O registo do que foi reiniciado está danificado; tudo conta como gasto.
event-ledger-unwritable = O registo do que foi reiniciado não pode ser escrito; a caixa não se reinicia sozinha.
event-door-opened-by-fallback = A porta foi aberta sem a posto, que não vigia.
event-posto-began = A posto começou a vigiar.
