console-facility = Unidade sanitária: { $name } ({ $id })
console-release = Versão: { $release }
console-stand-in = Aplicação SUBSTITUTA para testes: isto NÃO é o OpenMRS
console-open = Abra no navegador:
console-no-address = Ainda sem endereço de rede. O cabo está ligado?
console-admin = Primeira entrada: utilizador admin, senha { $password } (mude-a depois de entrar)
console-technician = Código do técnico: { $code } (anote-o e depois escolha "anotado")
console-alarm = ALARME n.º { $number } ({ $code })
menu-status = Como está o servidor
menu-restart = Reiniciar o OpenMRS
menu-start = Iniciar o OpenMRS
menu-stop = Parar o OpenMRS
menu-open-door = Abrir a porta (fechada à mão)
menu-close-door = Fechar a porta
menu-events = O que aconteceu ultimamente
menu-language = English
menu-noted = O código do técnico está anotado
menu-technician = Técnico: SQL, registos, linha de comandos (com o código)
menu-restart-box = Reiniciar o servidor inteiro
menu-power-off = Desligar o servidor
menu-sql = SQL (base de dados)
menu-logs-openmrs = Registo do OpenMRS
menu-logs-database = Registo da base de dados
menu-logs-posto = Registo da Posto
menu-logs-door = Registo da porta
menu-shell = Linha de comandos de root
menu-back = Voltar
answer-no = Não
answer-yes = Sim
ask-restart = Reiniciar o OpenMRS? Ninguém poderá trabalhar durante alguns minutos. A base de dados continua; só se perde o que foi escrito e não gravado.
ask-start = Iniciar o OpenMRS?
ask-stop = Parar o OpenMRS? Ninguém poderá trabalhar até alguém o iniciar de novo aqui.
ask-open-door = Abrir a porta? A unidade volta a chegar ao OpenMRS logo que ele responda.
ask-close-door = Fechar a porta? Ninguém chega ao OpenMRS até alguém abrir a porta aqui.
ask-noted = O código do técnico está anotado e guardado em lugar seguro? Não volta a ser mostrado.
ask-restart-box = Reiniciar o servidor inteiro? Ninguém poderá trabalhar durante alguns minutos. Tudo termina em ordem; nada se perde.
ask-power-off = Desligar o servidor? Ninguém poderá trabalhar até alguém premir o botão de ligar. Tudo termina em ordem; nada se perde.
screen-status = Como está o servidor
screen-events = O que aconteceu ultimamente (o mais recente primeiro)
screen-no-events = Ainda nada.
screen-reading = A ler...
screen-done = Feito
screen-wait = Um momento, por favor...
screen-technician = Técnico
screen-technician-care = O que se faz aqui é feito como root. Cada abertura fica registada. Esc sai; o código é pedido de novo.
screen-opening-sql = O cliente de SQL está a abrir...
screen-opening-shell = A linha de comandos está a abrir...
screen-code = Código do técnico
screen-code-ask = Escreva os doze algarismos do código do técnico, depois Enter. O escritório do programa também o sabe.
screen-code-wrong = Esse não é o código. { $left ->
    [one] Resta uma tentativa
   *[other] Restam { $left } tentativas
 } antes de uma espera.
screen-code-wait = Demasiados códigos errados. Tente de novo daqui a { $minutes ->
    [one] 1 minuto
   *[other] { $minutes } minutos
 }.
screen-logs = Registo
screen-hint-menu = Setas ou algarismos escolhem, Enter executa
screen-hint-page = As setas deslocam, Enter volta
screen-hint-back = Enter volta
screen-hint-ask = As setas escolhem, Enter executa, Esc volta
screen-hint-working = Isto pode demorar alguns minutos. Esc volta; o trabalho continua
screen-hint-opening = Um momento, por favor...
screen-hint-code = Algarismos, apagar, Enter; Esc volta
screen-hint-logs = q volta
