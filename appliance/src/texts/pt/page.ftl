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
page-restoring = A base de dados está a ser restaurada
page-updating = O servidor está a ser actualizado
page-disk-full = O disco do servidor está cheio
page-disk-full-detail = Nada do que foi guardado se perdeu. Por favor telefone ao técnico.
page-stopped = O OpenMRS foi parado por um técnico
page-door-closed = O acesso ao OpenMRS foi fechado por um técnico
page-gave-up = O OpenMRS não responde e o servidor não conseguiu resolvê-lo sozinho
page-gave-up-detail = Por favor telefone ao técnico e diga: supervise-gave-up
