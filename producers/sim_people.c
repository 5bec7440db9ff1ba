/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's names. */
#include "producers/sim_people.h"

const struct sim_name sim_names[] = {
    {"Mona", "Test", "mona.test"},
    {"أحمد", "سالم", "ahmad.salem"},
    {"Zoé", "Lefèvre", "zoe.lefevre"},
    {"Jürgen", "Weiß", "juergen.weiss"},
    {"فاطمة", "الزهراء", "fatima.alzahra"},
    {"Siobhán", "O'Neill", "siobhan.oneill"},
    {"Karim", NULL, "karim"},
    {"Émile", "Côté", "emile.cote"},
    {"Anaïs", "Dubois", "anais.dubois"},
    {"ليلى", "حداد", "layla.haddad"},
    {"Łukasz", "Żak", "lukasz.zak"},
    {"Sören", "Müller", "soeren.mueller"},
    {"José", "Núñez", "jose.nunez"},
    {"Θεοδώρα", "Παπαδοπούλου", "theodora.papadopoulou"},
    {"Нина", "Иванова", "nina.ivanova"},
    {"İpek", "Yılmaz", "ipek.yilmaz"},
    {"美咲", "佐藤", "misaki.sato"},
    {"Omar", "Farouk", "omar.farouk"},
    {"خالد", "المنصوري", "khalid.almansouri"},
    {"Katharina", "Schröder", "katharina.schroeder"},
    {"Maëlle", "Guérin", "maelle.guerin"},
    {"Priya", "Raman", "priya.raman"},
    {"नेहा", "शर्मा", "neha.sharma"},
    {"Ngọc", "Trần", "ngoc.tran"},
    {"Chidi", "Okafor", "chidi.okafor"},
    {"Ana", "Conceição", "ana.conceicao"},
    {"Tomáš", "Dvořák", "tomas.dvorak"},
    {"Aino", "Mäkelä", "aino.makela"},
    {"יעל", "כהן", "yael.cohen"},
    {"Grace", "Mbeki", "grace.mbeki"},
};
const size_t sim_name_count = sizeof sim_names / sizeof sim_names[0];

const struct sim_place sim_places[] = {
    {{"Sales EN", "Support EN", "المبيعات"}, "045550100", "05055501%02d", 99},
    {{"Ventes", "Service après-vente", "Réservations"}, "0199005000", "01990%05d", 99999},
    {{"Vertrieb", "Kundendienst", "Rückfragen"}, "03023125000", "03023125%03d", 999},
    {{"Sales", "Claims", "Out of hours"}, "02079460000", "02079460%03d", 999},
    {{"الدعم الفني", "خدمة العملاء", "Support FR"}, "045550200", "05055502%02d", 99},
};
const size_t sim_place_count = sizeof sim_places / sizeof sim_places[0];
