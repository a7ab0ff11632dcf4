page-title = OpenMRS
page-starting = O servidor está a iniciar
page-starting-minutes = Pronto em cerca de { $minutes ->
    [one] 1 minuto
   *[other] { $minutes } minutos
 }.
page-starting-longer = Está a demorar mais do que é habitual. Por favor mantenha a página aberta.
page-installing = O servidor está a iniciar pela primeira vez e a instalar o OpenMRS
page-importing = A base de dados está a ser substituída por uma importada
page-maintenance = O servidor está em manutenção
page-progress = { $percent } % feito.
page-unavailable = O servidor não está disponível neste momento
page-refused = O servidor precisa de um técnico
page-refused-code = Por favor telefone ao técnico e diga: { $code }
page-opens-itself = Esta página abre o OpenMRS sozinha assim que estiver pronto.
