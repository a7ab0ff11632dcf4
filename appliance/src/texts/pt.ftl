# O que técnicos e digitadores lêem. Os mesmos nomes e valores que em en.ftl (um teste compara).

page-title = OpenMRS
page-starting = O servidor está a iniciar
page-starting-minutes = Pronto em cerca de { $minutes ->
    [one] 1 minuto
   *[other] { $minutes } minutos
 }.
page-starting-longer = Está a demorar mais do que é habitual. Por favor mantenha a página aberta.
page-installing = O OpenMRS está a ser instalado
page-importing = A base de dados está a ser substituída por uma importada
page-maintenance = O servidor está em manutenção
page-progress = { $percent } % feito.
page-unavailable = O servidor não está disponível neste momento
page-refused = O servidor precisa de um técnico
page-refused-code = Por favor telefone ao técnico e diga: { $code }
page-opens-itself = Esta página abre o OpenMRS sozinha assim que estiver pronto.

state-serving = O OpenMRS está aberto.
state-starting = O OpenMRS está a iniciar (cerca de { $minutes } min).
state-installing = O OpenMRS está a ser instalado pela primeira vez (cerca de { $minutes } min).
state-database-away = A base de dados não responde.
state-unavailable = O OpenMRS não responde correctamente.
state-maintenance = Manutenção em curso; a porta está fechada.
state-refused = A base de dados fica parada: veja o alarme abaixo.
state-unknown = O programa Posto não responde.

console-facility = Unidade sanitária: { $name } ({ $id })
console-release = Versão: { $release }
console-stand-in = Aplicação SUBSTITUTA para testes: isto NÃO é o OpenMRS
console-open = Abra no navegador:
console-no-address = Ainda sem endereço de rede. O cabo está ligado?
console-admin = Primeira entrada: utilizador admin, senha { $password }
console-admin-change = Mude esta senha depois da primeira entrada.
console-alarm = ALARME { $code }

alarm-facility-file = O ficheiro de configuração /data/posto/facility.toml não pode ser usado: { $reason }. Valem as configurações de origem da imagem. Corrija o ficheiro e reinicie a máquina.
alarm-facility-default = As configurações de origem da imagem não podem ser usadas: { $reason }. Valem as do próprio Posto.
alarm-data-not-mounted = A partição de dados não está presente: { $reason }. Nada foi formatado e nenhuma base de dados nova foi criada. Verifique o cabo e o estado do disco; os dados podem ainda lá estar.
alarm-data-label = A partição de dados tem a etiqueta desconhecida '{ $label }'. Nada foi alterado. Pode pertencer a outro sistema: não use este disco antes de salvar os dados.
alarm-first-boot = O primeiro arranque não pôde ser concluído: { $reason }. Nada do que ficou a meio é usado. Desligue e volte a ligar a máquina: o primeiro arranque recomeça do princípio.
alarm-first-boot-full = O primeiro arranque precisa de { $needed } MB livres no disco de dados, e há { $free } MB. Nada foi criado. Use um disco maior.
alarm-database-missing = Os ficheiros da base de dados faltam ou estão incompletos ({ $missing }). Nenhuma base de dados nova foi criada em seu lugar. Não reinstale: chame o suporte; os dados podem ser recuperados ou restaurados.
alarm-stamp-missing = A partição de dados não diz a que versão pertencem os dados. A base de dados fica parada para não estragar os dados. Chame o suporte.
alarm-stamp-unreadable = O registo da versão a que os dados pertencem não pode ser lido: { $reason }. A base de dados fica parada para não estragar os dados. Chame o suporte.
alarm-release-mismatch = Estes dados pertencem à versão { $stamped }, mas está a correr a versão { $running }. A base de dados fica parada para não estragar os dados. { $why }
alarm-kernel-line = Esta máquina não foi iniciada pelo programa de arranque do Posto ({ $reason }). A base de dados fica parada. Reinicie a máquina.
alarm-release-unreadable = Não se sabe que versão está a correr: { $reason }. A base de dados fica parada. Reinicie a máquina; se voltar a acontecer, prepare o disco de uma máquina nova e mude os dados.
alarm-staging = Restos de um trabalho interrompido não puderam ser postos em ordem: { $reason }. A base de dados fica parada para não estragar os dados. Chame o suporte.
alarm-openmrs-files-missing = Faltam os ficheiros próprios do OpenMRS (openmrs-runtime.properties com a chave de cifra), mas a base de dados existe. O OpenMRS fica parado. Restaure os ficheiros de uma cópia ou importe de novo.
alarm-openmrs-prepare = O OpenMRS não pôde ser iniciado: { $reason }

why-repair-limit = As configurações de arranque foram reparadas { $times } vezes sem sucesso.
why-slot-broken = O lugar dessa versão (slot { $slot }) não pode ser usado: { $reason }.
why-no-slot = Os dados não dizem onde está essa versão. O disco veio de outra máquina? Devolva-o, ou chame o suporte.
why-container = Inicie a versão que pertence a estes dados.
