# O que técnicos e digitadores lêem. Os mesmos nomes e valores que em en.ftl (um teste compara).

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

import-reading = A ler
import-preparing = A preparar um servidor de base de dados temporário
import-loading = A importar
import-counting = A contar registos
import-finishing = A terminar
import-stopping = A trocar as bases de dados
import-starting = A iniciar
import-of-table = { $rows } registos, tabela { $table }
import-ask = A base de dados actual será substituída por { $file } e guardada ao lado. Continuar? (sim/não)
import-answer-yes = sim
import-needs-yes = O OpenMRS está instalado nesta máquina: indique --yes para substituir a base de dados sem pergunta. Nada foi alterado.
import-not-wanted = Nada foi alterado.
import-unchanged = Nada foi alterado: a base de dados actual continua a servir como antes.
import-summary-dump = Cópia: { $file } ({ $format }), { $megabytes } MB descomprimidos, do servidor { $server }
import-summary-database = Base de dados: { $database }; { $tables } tabelas, { $rows } registos; tabelas novas recebem { $collation }
import-summary-skipped = Deixadas de fora: as outras bases de dados do ficheiro ({ $names })
import-summary-room = Espaço: no máximo cerca de { $needed } MB necessários, { $free } MB livres
import-summary-would-mend = Seria corrigido: { $what }
import-summary-mended = Corrigido: { $what }
import-mend-checksums = somas de controlo do Liquibase ({ $count })
import-mend-checksums-blanked = somas de controlo do Liquibase apagadas
import-mend-lock = bloqueio da migração libertado
import-mend-search = índice de pesquisa refeito
import-mend-definers = donos de triggers e vistas retirados ({ $count })
import-mend-collations = ordenações do MySQL 8 substituídas ({ $count })
import-mend-engines = tabelas MyISAM passadas a InnoDB ({ $count })
import-mend-accounts = contas e permissões do servidor antigo deixadas de fora ({ $count })
import-summary-dry = Ensaio: nada foi alterado.
import-summary-done = A importação terminou. Todos os registos da cópia estão na nova base de dados.
import-summary-kept = A base de dados substituída está guardada em { $path }. Apague-a quando já não for precisa.
import-summary-migrates = O OpenMRS actualiza agora a base de dados para a sua versão; a página abre sozinha quando estiver pronta (posto status).
import-column-table = tabela
import-column-rows = registos

import-error-read = Não se consegue ler { $file }: { $reason }. Copie-o de novo, ou experimente outra pen USB.
import-error-not-a-dump = { $file } não é uma cópia de base de dados: { $what }.
import-not-empty = está vazio
import-not-format = é outro tipo de ficheiro ({ $name })
import-not-utf16 = é texto UTF-16, como o > do PowerShell escreve; faça-o de novo com mysqldump --result-file=FICHEIRO
import-not-binary = contém dados binários
import-not-packed-twice = está comprimido duas vezes; descomprima-o uma vez
import-not-statements = não contém instruções SQL
import-error-cut-off = { $file } está cortado: os dados { $format } acabam na linha { $line }{ $after }. Copie-o de novo do servidor antigo e compare os tamanhos.
import-error-damaged = { $file } está danificado: os dados { $format } não se conseguem descomprimir na linha { $line }{ $after } ({ $reason }). Copie-o de novo do servidor antigo.
import-error-no-end = { $file } está cortado: acaba na linha { $line }{ $after } sem a última linha do mysqldump "-- Dump completed". Faça a cópia de novo. Se o programa que a fez não escreve essa linha, indique --no-end-mark.
import-error-text = { $file } não se consegue ler como cópia{ $after }: { $reason }. Provavelmente foi cortado ou alterado: copie-o de novo, ou faça-o de novo com o mysqldump.
import-error-statement = { $file }, linha { $line }: isto não pertence a uma cópia: { $text }. Faça a cópia de novo com o mysqldump e as suas opções habituais.
import-error-charset = { $file }, linha { $line }: o texto está em { $charset }, que não se consegue ler com segurança. Faça a cópia de novo com --default-character-set=utf8mb4.
import-error-no-table = { $file }, linha { $line }: registos da tabela { $table }, que a cópia não cria. Faça a cópia de novo sem --no-create-info.
import-error-too-many-tables = { $file }, linha { $line }: mais de { $limit } tabelas; isto não é uma base de dados do OpenMRS.
import-error-not-openmrs = { $file } não contém uma base de dados do OpenMRS: entre { $tables } tabelas falta { $missing }. Foi copiada a base de dados certa, e por inteiro?
import-error-several = { $file } contém mais de uma base de dados do OpenMRS: { $names }. Indique qual com --database NOME.
import-error-no-database = { $file } não contém a base de dados { $name }. Contém: { $names }.
import-error-room = Não há espaço suficiente no disco de dados: cerca de { $needed } MB necessários, { $free } MB livres. Apague de /data/replaced as bases de dados substituídas que já não são precisas, ou use um disco maior.
import-error-refused = { $file }, linha { $line }{ $of }: a base de dados recusou uma instrução: { $reason }. Começa por: { $text }. Guarde o ficheiro e envie esta mensagem ao apoio técnico.
import-error-rows = A tabela { $table } tem { $found } registos depois da importação, mas a cópia contém { $expected }. Guarde o ficheiro e envie esta mensagem ao apoio técnico.
import-error-table-missing = A tabela { $table } da cópia falta depois da importação. Guarde o ficheiro e envie esta mensagem ao apoio técnico.
import-error-server = O servidor de base de dados temporário falhou: { $reason }. Tente de novo; se falhar outra vez, envie esta mensagem ao apoio técnico.
import-error-busy = Há outra manutenção em curso (processo { $pid }). Espere que termine e tente de novo.
import-error-maintenance = A manutenção não se consegue anunciar: { $reason }. Reinicie a máquina e tente de novo.
import-error-box = { $reason }. Tente de novo; se falhar outra vez, envie esta mensagem ao apoio técnico.
import-error-not-set-up = { $path } não existe: esta máquina ainda não foi preparada, ou faltam os seus dados. Veja o ecrã da máquina.
import-error-interrupted = Parado a pedido.
import-error-after = A nova base de dados está no lugar e completa, mas { $reason }. A substituída está guardada em /data/replaced. Reinicie a máquina: ela continua sozinha.
import-after-table = , depois da tabela { $table }
import-of = , tabela { $table }
