console-facility = Unidade sanitária: { $name } ({ $id })
console-release = Versão: { $release }
console-stand-in = Aplicação SUBSTITUTA para testes: isto NÃO é o OpenMRS
console-open = Abra no navegador:
console-no-address = Ainda sem endereço de rede. O cabo está ligado?
console-admin = Primeira entrada: utilizador admin, senha { $password }
console-admin-change = Mude esta senha depois da primeira entrada.
console-alarm = ALARME { $code }
